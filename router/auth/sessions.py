"""Sessions of people who signed in, in SQL: any gateway knows them, and none knows one that ended.

A row holds the group that let somebody in and what it gave them then. Whoever reads a session looks
whether turnout.yaml still has that row.
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    delete,
    insert,
    select,
    tuple_,
)

from router.auth.grants import Grant
from router.auth.roles import Role
from router.auth.sign_in import Person
from router.database import Database

METADATA: Final = MetaData()
SESSIONS: Final = Table(
    "admin_sessions",
    METADATA,
    Column("session", String(40), primary_key=True),
    Column("hash", LargeBinary(32), nullable=False, unique=True),
    Column("issuer", Text, nullable=False),
    Column("subject", String(255), nullable=False),
    Column("name", String(128), nullable=False),
    Column("group_name", String(256), nullable=False),
    Column("role", String(20), nullable=False),
    Column("organization", String(128)),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Index("admin_sessions_expires_at", "expires_at"),
)
_DOMAIN: Final = b"turnout admin session, format 1"
_LENGTH: Final = 43
_SHOWN: Final = (
    *("session", "issuer", "subject", "name", "group_name", "role", "organization"),
    *("created_at", "expires_at"),
)


@dataclass(frozen=True, slots=True)
class StoredSession:
    """One row, without the hash. Instants are milliseconds of Unix time."""

    session: str
    issuer: str
    subject: str
    name: str
    group_name: str
    role: str
    organization: str | None
    created_at: int
    expires_at: int

    @property
    def grant(self) -> Grant:
        """The row of turnout.yaml that let them in."""
        return Grant(self.group_name, Role(self.role), self.organization)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _hash(secret: bytes) -> bytes:
    """A session's value holds 256 random bits, so a fast hash is enough."""
    return hmac.digest(_DOMAIN, secret, hashlib.sha256)


class SessionStore:
    """Every method is one short transaction, blocks, and may raise DatabaseError."""

    def __init__(self, url: str, now_ms: Callable[[], int] = _now_ms) -> None:
        self._database = Database(url)
        self._now_ms = now_ms

    def prepare(self) -> None:
        """Make the table, or see that the one that is there is ours."""
        self._database.make(METADATA)

    def create(self, person: Person, grant: Grant, seconds: float) -> tuple[str, StoredSession]:
        """Begin a session; return its value (for the browser, nowhere kept) and its row. Rows of
        sessions that are over are deleted."""
        now, secret = self._now_ms(), secrets.token_urlsafe(32)
        row = StoredSession(
            session="ses_" + secrets.token_hex(8),
            issuer=person.issuer,
            subject=person.subject,
            name=person.name,
            group_name=grant.group,
            role=grant.role.value,
            organization=grant.organization,
            created_at=now,
            expires_at=now + int(seconds * 1000),
        )
        values = {column: getattr(row, column) for column in _SHOWN}
        with self._database.writing() as connection:
            connection.execute(delete(SESSIONS).where(SESSIONS.c.expires_at <= now))
            connection.execute(insert(SESSIONS).values(**values, hash=_hash(secret.encode())))
        return secret, row

    def identify(self, secret: bytes) -> StoredSession | None:
        """Return whose session this is; None where it is nobody's, or over."""
        if len(secret) != _LENGTH:
            return None
        return self._one(SESSIONS.c.hash == _hash(secret))

    def get(self, session: str) -> StoredSession | None:
        """Return a session that is not over, by its id."""
        return self._one(SESSIONS.c.session == session)

    def page(
        self, organization: str | None, after: Sequence[Any] | None, most: int
    ) -> list[StoredSession]:
        """The sessions behind one (its `created_at` and id), oldest first; of those who are for one
        organization where one is named."""
        place = (SESSIONS.c.created_at, SESSIONS.c.session)
        statement = (
            select(*(SESSIONS.c[name] for name in _SHOWN))
            .where(SESSIONS.c.expires_at > self._now_ms())
            .order_by(*place)
        )
        if organization is not None:
            statement = statement.where(SESSIONS.c.organization == organization)
        if after is not None:
            statement = statement.where(tuple_(*place) > tuple_(*after))
        with self._database.reading() as connection:
            return [StoredSession(*row) for row in connection.execute(statement.limit(most))]

    def end(self, session: str) -> bool:
        """End a session, at every gateway; False where there is none."""
        with self._database.writing() as connection:
            gone = connection.execute(delete(SESSIONS).where(SESSIONS.c.session == session))
            return gone.rowcount == 1

    def _one(self, where: Any) -> StoredSession | None:
        statement = select(*(SESSIONS.c[name] for name in _SHOWN)).where(
            where, SESSIONS.c.expires_at > self._now_ms()
        )
        with self._database.reading() as connection:
            row = connection.execute(statement).one_or_none()
        return None if row is None else StoredSession(*row)

    def close(self) -> None:
        """Give the connections back."""
        self._database.close()
