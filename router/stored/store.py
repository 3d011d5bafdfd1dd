"""Stored responses in SQL: SQLite by default, PostgreSQL by URL, through SQLAlchemy Core.

Every statement names the organization: what another one stored is not there. A response that
expired is not there either, from that millisecond on; its row goes with the next one that is
added, or with the next sweep.
"""

import logging
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, delete, func, insert, literal, select

from router.database import Database
from router.seal import Seal, Unreadable
from router.stored.response import MissingResponse, StoredResponse, TooMuch
from router.stored.tables import EVENTS, ITEMS, METADATA, RESPONSES, RUNS

_LOG = logging.getLogger(__name__)
# Where an organization has no room left, a little more than is needed goes: not each response that
# is added must look at all of them.
_LEFT: Final = 0.95
_AT_ONCE: Final = 500  # names in one statement


def _unix_ms() -> int:
    return time.time_ns() // 1_000_000


class _Rows(NamedTuple):
    """A response as its rows have it, but for its times; `size` is in sealed bytes."""

    head: dict[str, Any]
    items: list[dict[str, Any]]
    size: int


class ResponseStore:
    """Every method is one short transaction that blocks, and may raise DatabaseError."""

    def __init__(
        self,
        url: str,
        seal: Seal,
        *,
        keep_ms: int,
        most_bytes: int,
        now: Callable[[], int] = _unix_ms,
    ) -> None:
        """Responses are kept for `keep_ms`, `most_bytes` of each organization: the newest."""
        self._database = Database(url)
        self._seal = seal
        self._keep_ms = keep_ms
        self._most_bytes = most_bytes
        self._now = now

    def prepare(self) -> None:
        """Make the tables, or see that those that are there are ours."""
        self._database.make(METADATA)

    def add(self, organization: str, response: StoredResponse) -> bool:
        """Store a response; the organization's oldest make room for it.

        False where it alone is larger than what an organization may have.
        """
        rows = self._sealed(organization, response)
        if rows.size > self._most_bytes:
            return False
        with self._database.writing() as connection:
            _forget(connection, RESPONSES.c.expires_at <= self._now())
            self._put(connection, rows)
            self._make_room(connection, organization)
        return True

    def get(self, organization: str, id_: str) -> StoredResponse:
        """Return a response. Raises MissingResponse."""
        query = select(RESPONSES).where(RESPONSES.c.id == id_, *self._there(organization))
        with self._database.reading() as connection:
            row = connection.execute(query).mappings().first()
        if row is None:
            raise MissingResponse(id_)
        return self._opened(organization, row)

    def chain(
        self, organization: str, id_: str, *, most: int, most_bytes: int
    ) -> list[StoredResponse]:
        """Return a response and those that it continues, the oldest first.

        Raises MissingResponse where one of them is not there, TooMuch where they are more than
        `most`, or their documents larger than `most_bytes`.
        """
        columns = (RESPONSES.c.id, RESPONSES.c.previous, RESPONSES.c.size)
        there = self._there(organization)
        chain = (
            select(*columns, literal(1).label("depth"))
            .where(RESPONSES.c.id == id_, *there)
            .cte("chain", recursive=True)
        )
        earlier = select(*columns, chain.c.depth + 1).where(
            RESPONSES.c.id == chain.c.previous, chain.c.depth <= most, *there
        )
        links = chain.union_all(earlier)
        with self._database.reading() as connection:
            rows = connection.execute(select(links).order_by(links.c.depth)).mappings().all()
            if len(rows) > most or sum([int(row["size"]) for row in rows]) > most_bytes:
                raise TooMuch
            if not rows or rows[-1]["previous"] is not None:
                raise MissingResponse(rows[-1]["previous"] if rows else id_)
            ids = [str(row["id"]) for row in rows]
            found = connection.execute(select(RESPONSES).where(RESPONSES.c.id.in_(ids), *there))
            opened = {str(row["id"]): self._opened(organization, row) for row in found.mappings()}
        missing = [one for one in ids if one not in opened]
        if missing:
            raise MissingResponse(missing[0])
        return [opened[one] for one in reversed(ids)]

    def items(
        self, organization: str, names: Sequence[str], *, most_bytes: int
    ) -> dict[str, bytes]:
        """Return those of these items that are there. Raises TooMuch."""
        own = ITEMS.c.organization == organization
        found: dict[str, bytes] = {}
        with self._database.reading() as connection:
            for some in _parts(list(dict.fromkeys(names))):
                named = (
                    select(ITEMS)
                    .join(RESPONSES, RESPONSES.c.id == ITEMS.c.response)
                    .where(own, ITEMS.c.item.in_(some), *self._there(organization))
                )
                sizes = select(func.sum(named.subquery().c.size))
                most_bytes -= int(connection.execute(sizes).scalar() or 0)
                if most_bytes < 0:
                    raise TooMuch
                for row in connection.execute(named).mappings():
                    with suppress(MissingResponse):
                        found[row["item"]] = self._open(organization, row["item"], row["content"])
        return found

    def delete(self, organization: str, id_: str) -> bool:
        """Erase a response; False where there is none."""
        mine = (RESPONSES.c.id == id_) & (RESPONSES.c.organization == organization)
        with self._database.writing() as connection:
            return _forget(connection, mine & (RESPONSES.c.expires_at > self._now())) == 1

    def erase(self, organization: str) -> int:
        """Erase every response of an organization; returns how many there were."""
        with self._database.writing() as connection:
            return _forget(connection, RESPONSES.c.organization == organization)

    def totals(self) -> list[tuple[str, int, int]]:
        """Return each organization with its responses and their bytes, expired ones included."""
        query = (
            select(RESPONSES.c.organization, func.count(), func.sum(RESPONSES.c.bytes))
            .group_by(RESPONSES.c.organization)
            .order_by(RESPONSES.c.organization)
        )
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return [(str(row[0]), int(row[1]), int(row[2])) for row in rows]

    def sweep(self) -> int:
        """Erase what expired; returns how many there were."""
        with self._database.writing() as connection:
            return _forget(connection, RESPONSES.c.expires_at <= self._now())

    def close(self) -> None:
        """Give the connections back."""
        self._database.close()

    def _there(self, organization: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
        return RESPONSES.c.organization == organization, RESPONSES.c.expires_at > self._now()

    def _sealed(self, organization: str, response: StoredResponse) -> "_Rows":
        content = self._closed(organization, response.id, response.document)
        items: list[dict[str, Any]] = [
            {
                "organization": organization,
                "item": name,
                "response": response.id,
                "size": len(item),
                "content": self._closed(organization, name, item),
            }
            for name, item in dict(response.items).items()
        ]
        head = {
            "id": response.id,
            "organization": organization,
            "previous": response.previous,
            "size": len(response.document),
            "content": content,
        }
        return _Rows(head, items, len(content) + sum([len(item["content"]) for item in items]))

    def _put(self, connection: Connection, rows: "_Rows", more: int = 0) -> None:
        """Insert a response that is kept from now on; it takes `more` bytes elsewhere."""
        now = self._now()
        times = {"at": now, "expires_at": now + self._keep_ms, "bytes": rows.size + more}
        connection.execute(insert(RESPONSES).values(**rows.head, **times))
        if rows.items:
            connection.execute(self._database.insert(ITEMS).on_conflict_do_nothing(), rows.items)

    def _opened(self, organization: str, row: Any) -> StoredResponse:
        document = self._open(organization, row["id"], row["content"])
        return StoredResponse(row["id"], row["previous"], document)

    def _closed(self, organization: str, name: str, text: bytes) -> bytes:
        return self._seal.close(zlib.compress(text), _place(organization, name))

    def _open(self, organization: str, name: str, content: bytes) -> bytes:
        """What was stored; what no key opens counts as gone, and the log says so."""
        try:
            packed = self._seal.open(bytes(content), _place(organization, name))
        except Unreadable as error:
            _LOG.error(
                "what is stored of a response cannot be opened",
                extra={"stored": name, "reason": str(error)},
            )
            raise MissingResponse(name) from None
        return zlib.decompress(packed)

    def _make_room(self, connection: Connection, organization: str) -> None:
        """Erase the oldest of an organization that has more than it may have."""
        own = RESPONSES.c.organization == organization
        total = connection.execute(select(func.sum(RESPONSES.c.bytes)).where(own)).scalar()
        if total is None or total <= self._most_bytes:
            return
        newest = (RESPONSES.c.at.desc(), RESPONSES.c.id.desc())
        sums = func.sum(RESPONSES.c.bytes).over(order_by=newest).label("sum")
        rank = func.row_number().over(order_by=newest).label("rank")
        counted = select(RESPONSES.c.id, sums, rank).where(own).subquery()
        over = (counted.c.sum > int(self._most_bytes * _LEFT)) & (counted.c.rank > 1)
        old = RESPONSES.c.id.in_(select(counted.c.id).where(over))
        _forget(connection, old & RESPONSES.c.id.not_in(select(RUNS.c.id)))


def _place(organization: str, id_: str) -> bytes:
    return f"{organization}\0{id_}".encode()


def _forget(connection: Connection, which: ColumnElement[bool]) -> int:
    """Erase responses and what names their items; returns how many there were."""
    ids = [row[0] for row in connection.execute(select(RESPONSES.c.id).where(which))]
    for some in _parts(ids):
        connection.execute(delete(RUNS).where(RUNS.c.id.in_(some)))
        connection.execute(delete(EVENTS).where(EVENTS.c.response.in_(some)))
        connection.execute(delete(ITEMS).where(ITEMS.c.response.in_(some)))
        connection.execute(delete(RESPONSES).where(RESPONSES.c.id.in_(some)))
    return len(ids)


def _parts(names: list[str]) -> Iterator[list[str]]:
    """So many of them as a statement may name."""
    for first in range(0, len(names), _AT_ONCE):
        yield names[first : first + _AT_ONCE]
