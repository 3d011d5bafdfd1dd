"""The audit log in SQL. A row is written in the transaction of the change that it tells of.

Two gateways that write at once keep one chain: the row of `audit_head` is locked until the first
has stored its change (SQLite has one writer anyhow).
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    delete,
    func,
    insert,
    select,
    update,
)

from router.audit.entry import BEGINNING, Actor, Change, Entry, as_text
from router.database import Database

METADATA: Final = MetaData()
LOG: Final = Table(
    "audit_log",
    METADATA,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("actor", String(300), nullable=False),
    Column("credential", String(100), nullable=False),
    Column("address", String(100), nullable=False),
    Column("request_id", String(100), nullable=False),
    Column("action", String(100), nullable=False),
    Column("target", String(1000), nullable=False),
    Column("organization", String(128)),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Index("audit_log_organization", "organization", "seq"),
    Index("audit_log_at", "at"),
)
HEAD: Final = Table(
    "audit_head",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
)
PRUNED: Final = "audit.prune"
_ONE: Final = HEAD.c.id == 1
_FIELDS: Final = tuple(field.name for field in fields(Entry))
_PAGE: Final = 1_000


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class AuditLog:
    """Every method is one short transaction (`change`: one for all of its block), blocks, and may
    raise DatabaseError."""

    def __init__(self, url: str, now_ms: Callable[[], int] = _now_ms) -> None:
        self._database = Database(url)
        self._now_ms = now_ms

    def prepare(self) -> None:
        """Make the tables, or see that those that are there are ours."""
        self._database.make(METADATA)
        first = self._database.insert(HEAD).values(id=1, seq=0, hash=BEGINNING)
        with self._database.writing() as connection:
            connection.execute(first.on_conflict_do_nothing())

    @contextmanager
    def change(
        self, actor: Actor, action: str, target: str, organization: str | None = None
    ) -> Iterator[Change]:
        """Store what any store does in this block, and a row that tells of it; or neither.

        The block sets `before` and `after` (and may set the others) of what it gets.
        """
        with self._database.together() as connection:
            told = Change(action, target, organization)
            yield told
            self._append(connection, actor, told)

    def _append(self, connection: Connection, actor: Actor, told: Change) -> Entry:
        # The lock comes first: whoever waits for it reads the row as the other left it.
        connection.execute(update(HEAD).where(_ONE).values(seq=HEAD.c.seq + 1))
        seq, previous = connection.execute(select(HEAD.c.seq, HEAD.c.hash).where(_ONE)).one()
        entry = Entry(
            seq=seq,
            at=self._now_ms(),
            actor=actor.name,
            credential=actor.credential,
            address=actor.address,
            request_id=actor.request_id,
            action=told.action,
            target=told.target,
            organization=told.organization,
            before=as_text(told.before),
            after=as_text(told.after),
            previous=previous,
        )
        hash_ = entry.hash()
        values = {name: getattr(entry, name) for name in _FIELDS}
        connection.execute(insert(LOG).values(**values, hash=hash_))
        connection.execute(update(HEAD).where(_ONE).values(hash=hash_))
        return entry

    def page(
        self, *, before: int | None = None, most: int = 50, **equal: str | None
    ) -> list[Entry]:
        """The newest rows, or those older than the row `before`, whose columns `equal` these (None:
        whatever they are); newest first."""
        statement = select(*(LOG.c[name] for name in _FIELDS)).order_by(LOG.c.seq.desc())
        for name, value in equal.items():
            if value is not None:
                statement = statement.where(LOG.c[name] == value)
        if before is not None:
            statement = statement.where(LOG.c.seq < before)
        with self._database.reading() as connection:
            return [Entry(*row) for row in connection.execute(statement.limit(most))]

    def head(self) -> tuple[int, str]:
        """The number and the hash of the newest row; 0 and BEGINNING where there is none."""
        with self._database.reading() as connection:
            row = connection.execute(select(HEAD.c.seq, HEAD.c.hash).where(_ONE)).one_or_none()
        return (0, BEGINNING) if row is None else (row.seq, row.hash)

    def each(self) -> Iterator[tuple[Entry, str]]:
        """Every row with the hash that is stored of it, oldest first; few in memory at a time."""
        last = 0
        while rows := self._behind(last):
            for row in rows:
                yield Entry(*row[:-1]), row[-1]
            last = rows[-1][0]

    def _behind(self, seq: int) -> Sequence[Any]:
        columns = [*(LOG.c[name] for name in _FIELDS), LOG.c.hash]
        statement = select(*columns).where(LOG.c.seq > seq).order_by(LOG.c.seq).limit(_PAGE)
        with self._database.reading() as connection:
            return connection.execute(statement).all()

    def prune(self, actor: Actor, before_ms: int) -> int:
        """Delete the rows that are older, and log that; returns how many. The newest row stays."""
        with self._database.together() as connection:
            head = connection.execute(select(HEAD.c.seq).where(_ONE)).scalar_one()
            old = (LOG.c.at < before_ms) & (LOG.c.seq < head)
            newest = connection.execute(select(func.max(LOG.c.seq)).where(old)).scalar()
            if newest is None:
                return 0
            kept = select(LOG.c.hash).where(LOG.c.seq == newest)
            told = Change(PRUNED, "audit")
            told.after = {"through": newest, "hash": connection.execute(kept).scalar_one()}
            gone = connection.execute(delete(LOG).where(LOG.c.seq <= newest)).rowcount
            self._append(connection, actor, told)
            return gone

    def close(self) -> None:
        """Give the connections back."""
        self._database.close()
