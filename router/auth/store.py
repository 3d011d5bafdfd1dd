"""Where keys live: one SQL table, SQLite by default, through SQLAlchemy Core."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import (
    Column,
    DateTime,
    Index,
    LargeBinary,
    MetaData,
    Select,
    String,
    Table,
    func,
    insert,
    literal_column,
    select,
    update,
)

from router.auth.keys import hash_key, new_key, new_key_id
from router.database import Database
from router.domain import Principal

_METADATA = MetaData()
_KEYS = Table(
    "api_keys",
    _METADATA,
    Column("key_id", String(40), primary_key=True),
    Column("key_hash", LargeBinary(32), nullable=False, unique=True),
    Column("organization", String(128), nullable=False),
    Column("team", String(128)),
    Column("tier", String(128), nullable=False),
    Column("created_at", DateTime, nullable=False),
    Column("revoked_at", DateTime),
    Index("api_keys_revoked_at", "revoked_at"),
)


def _state(sqlite: bool) -> Select[tuple[object, ...]]:
    """A statement whose result differs after any change. Keys are never deleted, so SQLite need not
    count them: their highest number tells, which costs the same with a hundred thousand keys.
    """
    keys = func.max(literal_column("rowid")) if sqlite else func.count()
    revoked = func.count(_KEYS.c.revoked_at)
    parts = (
        select(keys).select_from(_KEYS),
        select(revoked).where(_KEYS.c.revoked_at.is_not(None)),
        select(func.max(_KEYS.c.revoked_at)),
    )
    return select(*(part.scalar_subquery() for part in parts))


@dataclass(frozen=True, slots=True)
class StoredKey:
    """One row as `keys list` shows it. The key itself is not stored."""

    principal: Principal
    created_at: datetime
    revoked_at: datetime | None


class KeyStore:
    """Keys in SQL. Every method is one short transaction, and may raise DatabaseError."""

    def __init__(self, url: str) -> None:
        self._database = Database(url)
        self._database.make(_METADATA)
        self._state = _state(self._database.engine.dialect.name == "sqlite")

    def create(self, organization: str, tier: str, team: str | None = None) -> tuple[str, str]:
        """Store a new key; return the key (shown once, nowhere kept) and its id."""
        key, key_id = new_key(), new_key_id()
        with self._database.writing() as connection:
            connection.execute(
                insert(_KEYS).values(
                    key_id=key_id,
                    key_hash=hash_key(key),
                    organization=organization,
                    team=team,
                    tier=tier,
                    created_at=datetime.now(UTC).replace(tzinfo=None),
                )
            )
        return key, key_id

    def revoke(self, key_id: str) -> bool:
        """Revoke a key for good; False when there is no such working key."""
        with self._database.writing() as connection:
            result = connection.execute(
                update(_KEYS)
                .where(_KEYS.c.key_id == key_id, _KEYS.c.revoked_at.is_(None))
                .values(revoked_at=datetime.now(UTC).replace(tzinfo=None))
            )
        return result.rowcount == 1

    def all(self) -> list[StoredKey]:
        """Return every key ever made, oldest first."""
        query = select(_KEYS).order_by(_KEYS.c.created_at, _KEYS.c.key_id)
        with self._database.reading() as connection:
            return [
                StoredKey(
                    Principal(row.key_id, row.organization, row.tier, row.team),
                    row.created_at,
                    row.revoked_at,
                )
                for row in connection.execute(query)
            ]

    def working(self) -> Iterator[tuple[bytes, Principal]]:
        """Yield hash and principal of every key that is not revoked."""
        query = select(_KEYS).where(_KEYS.c.revoked_at.is_(None))
        with self._database.reading() as connection:
            for row in connection.execute(query):
                yield (
                    bytes(row.key_hash),
                    Principal(row.key_id, row.organization, sys.intern(row.tier), row.team),
                )

    def version(self) -> int | None:
        """A value that differs after any change of the database, or None: see Changes."""
        return self._database.version()

    def state(self) -> tuple[object, ...]:
        """Return a value that differs after any change, cheaply enough to ask every second."""
        with self._database.reading() as connection:
            return tuple(connection.execute(self._state).one())

    def close(self) -> None:
        """Give the connections back."""
        self._database.close()
