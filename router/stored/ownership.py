"""Whose the files and batches in the operator's accounts are: SQLite or PostgreSQL.

Every question names the organization: what another one has is not there. A row is written before
the provider is asked to make something (pending), so that what a customer may have is counted
before it is there, and so that nothing is made that nobody knows of. No contents are stored.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, or_, select, update

from router.database import Database
from router.stored.owned import NEVER, NoRoom, Owned, OwnedKind, OwnedState
from router.stored.owned_tables import METADATA, OWNED

_AT_ONCE: Final = 500  # names in one statement


def unix_ms() -> int:
    """This instant."""
    return time.time_ns() // 1_000_000


class OwnershipStore:
    """Every method is one short transaction that blocks, and may raise DatabaseError."""

    def __init__(self, url: str, now: Callable[[], int] = unix_ms) -> None:
        self._database = Database(url)
        self.now = now

    def prepare(self) -> None:
        """Make the table, or see that the one that is there is ours."""
        self._database.make(METADATA)

    def begin(self, owned: Owned, *, most: int, room: int | None = None) -> None:
        """Note that something is being made, unless the organization has enough of its kind.

        `most` is how many it may have (of batches: that run), `room` how many bytes. Raises NoRoom.
        """
        with self._database.writing() as connection:
            connection.execute(insert(OWNED).values(**asdict(owned)))  # first: it locks out others
            count, size = self._sums(connection, owned)
            if count > most:
                raise NoRoom(f"{most} {_PLURALS[owned.kind]}")
            if room is not None and size > room:
                raise NoRoom(f"{room} bytes")

    def finish(self, pending: Owned, made: Owned) -> bool:
        """Put what was made in the place of what was noted; False, and nothing changes, where it is
        known already, as when a client repeated itself under the same idempotency key.
        """
        with self._database.writing() as connection:
            added = self._added(connection, made)
            if added:
                connection.execute(delete(OWNED).where(_key(pending)))
        return added

    def add(self, owned: Owned) -> bool:
        """Note what a provider made by itself, such as a batch's results; False where it is
        known."""
        with self._database.writing() as connection:
            return self._added(connection, owned)

    def forget(self, owned: Owned) -> None:
        """Erase a row."""
        with self._database.writing() as connection:
            connection.execute(delete(OWNED).where(_key(owned)))

    def get(self, organization: str, family: str, kind: OwnedKind, id_: str) -> Owned | None:
        """Return what the organization has by this id, if it has that."""
        found = self.known(organization, family, kind, [id_])
        return found[0] if found else None

    def known(
        self, organization: str, family: str, kind: OwnedKind, ids: Sequence[str]
    ) -> list[Owned]:
        """Return those of these that the organization has."""
        its = (OWNED.c.organization == organization, OWNED.c.family == family)
        there = and_(*its, OWNED.c.kind == kind, OWNED.c.state != OwnedState.PENDING)
        rows: list[Any] = []
        with self._database.reading() as connection:
            for first in range(0, len(ids), _AT_ONCE):
                named = OWNED.c.id.in_(list(ids[first : first + _AT_ONCE]))
                rows += connection.execute(select(OWNED).where(there, named)).mappings().all()
        return [_owned(row) for row in rows]

    def page(
        self,
        organization: str,
        family: str,
        kind: OwnedKind,
        *,
        most: int,
        after: Owned | None = None,
        newest_first: bool = True,
        purpose: str = "",
    ) -> list[Owned]:
        """Return so many of an organization's, in order of time, behind `after`; of one purpose,
        where one is named."""
        order = (OWNED.c.at, OWNED.c.id)
        query = select(OWNED).where(
            OWNED.c.organization == organization,
            OWNED.c.family == family,
            OWNED.c.kind == kind,
            OWNED.c.state != OwnedState.PENDING,
        )
        if purpose:
            query = query.where(OWNED.c.purpose == purpose)
        if after is not None:
            query = query.where(_behind(after, newest_first=newest_first))
        ordered = [column.desc() if newest_first else column.asc() for column in order]
        with self._database.reading() as connection:
            rows = connection.execute(query.order_by(*ordered).limit(most)).mappings()
            return [_owned(row) for row in rows]

    def claim(self, *, rest_ms: int, most: int) -> list[Owned]:
        """Take what should be looked after now: nobody else gets it for `rest_ms`."""
        now, claimed = self.now(), []
        due = select(OWNED).where(OWNED.c.look_at <= now).order_by(OWNED.c.look_at).limit(most)
        with self._database.reading() as connection:
            rows = [_owned(row) for row in connection.execute(due).mappings()]
        for owned in rows:
            mine = update(OWNED).where(_key(owned), OWNED.c.look_at == owned.look_at)
            with self._database.writing() as connection:
                if connection.execute(mine.values(look_at=now + rest_ms)).rowcount == 1:
                    claimed.append(replace(owned, look_at=now + rest_ms))
        return claimed

    def look_now(self, owned: Owned) -> None:
        """Have somebody look after it at once."""
        now = {"look_at": self.now()}
        with self._database.writing() as connection:
            there = (_key(owned), OWNED.c.look_at < NEVER)
            connection.execute(update(OWNED).where(*there).values(**now))

    def look_later(self, owned: Owned, at: int) -> None:
        """Have nobody look after it until then, unless somebody else was asked to meanwhile."""
        mine = (_key(owned), OWNED.c.look_at == owned.look_at)
        with self._database.writing() as connection:
            connection.execute(update(OWNED).where(*mine).values(look_at=at))

    def is_known(self, family: str, id_: str) -> bool:
        """Whether anybody owns this."""
        query = select(OWNED.c.id).where(OWNED.c.family == family, OWNED.c.id == id_)
        with self._database.reading() as connection:
            return connection.execute(query).first() is not None

    def done(self, owned: Owned) -> None:
        """Note that a batch is settled: nobody needs to look after it any more."""
        over = {"state": OwnedState.DONE, "look_at": NEVER}
        with self._database.writing() as connection:
            connection.execute(update(OWNED).where(_key(owned)).values(**over))

    def close(self) -> None:
        """Give the connections back."""
        self._database.close()

    def _added(self, connection: Connection, owned: Owned) -> bool:
        """Add a row, unless there is one; whether it is new: drivers count such rows differently,
        so it is asked for."""
        row = self._database.insert(OWNED).values(**asdict(owned)).on_conflict_do_nothing()
        return connection.execute(row.returning(OWNED.c.id)).first() is not None

    def _sums(self, connection: Connection, owned: Owned) -> tuple[int, int]:
        """How many the organization has of its kind, those that are done with left out of batches;
        and how many bytes."""
        counted = [OWNED.c.organization == owned.organization, OWNED.c.kind == owned.kind]
        if owned.kind is OwnedKind.BATCH:
            counted.append(OWNED.c.state != OwnedState.DONE)
        sums = select(func.count(), func.sum(OWNED.c.size)).where(*counted)
        count, size = connection.execute(sums).one()
        return int(count), int(size or 0)


_PLURALS: Final = {OwnedKind.FILE: "files", OwnedKind.BATCH: "batches that run"}


def _key(owned: Owned) -> ColumnElement[bool]:
    return and_(OWNED.c.family == owned.family, OWNED.c.id == owned.id)


def _behind(after: Owned, *, newest_first: bool) -> ColumnElement[bool]:
    at, id_ = OWNED.c.at, OWNED.c.id
    if newest_first:
        return or_(at < after.at, and_(at == after.at, id_ < after.id))
    return or_(at > after.at, and_(at == after.at, id_ > after.id))


def _owned(row: Any) -> Owned:
    known = dict(row)
    known |= {
        "kind": OwnedKind(row["kind"]),
        "state": OwnedState(row["state"]),
        "bound": bytes(row["bound"]),
    }
    return Owned(**known)
