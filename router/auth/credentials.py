"""Credentials of administrators in SQL: shown once, stored as a keyed hash."""

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
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    insert,
    select,
    tuple_,
    update,
)

from router.auth.roles import Administrator, Role
from router.database import Database

METADATA: Final = MetaData()
CREDENTIALS: Final = Table(
    "admin_credentials",
    METADATA,
    Column("credential", String(40), primary_key=True),
    Column("hash", LargeBinary(32), nullable=False, unique=True),
    Column("name", String(128), nullable=False),
    Column("role", String(20), nullable=False),
    Column("organization", String(128)),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", String(300), nullable=False),
    Column("expires_at", BigInteger),
    Column("revoked_at", BigInteger),
    Column("version", Integer, nullable=False),
)
_PREFIX: Final = "ta-"
_LENGTH: Final = len(_PREFIX) + 43
_DOMAIN: Final = b"turnout admin credential, format 1"
_SHOWN: Final = (
    *("credential", "name", "role", "organization", "created_at", "created_by"),
    *("expires_at", "revoked_at", "version"),
)


@dataclass(frozen=True, slots=True)
class StoredCredential:
    """One row, without the hash. Instants are milliseconds of Unix time."""

    credential: str
    name: str
    role: str
    organization: str | None
    created_at: int
    created_by: str
    expires_at: int | None
    revoked_at: int | None
    version: int


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _hash(secret: bytes) -> bytes:
    """A credential holds 256 random bits, so a fast hash is enough: there is nothing to guess."""
    return hmac.digest(_DOMAIN, secret, hashlib.sha256)


class CredentialStore:
    """Every method is one short transaction, blocks, and may raise DatabaseError."""

    def __init__(self, url: str, now_ms: Callable[[], int] = _now_ms) -> None:
        self._database = Database(url)
        self._now_ms = now_ms

    def prepare(self) -> None:
        """Make the table, or see that the one that is there is ours."""
        self._database.make(METADATA)

    def create(
        self,
        name: str,
        role: Role,
        organization: str | None = None,
        *,
        expires_at: int | None = None,
        by: str = "",
    ) -> tuple[str, StoredCredential]:
        """Store a new credential; return it (shown once, nowhere kept) and its row."""
        secret = _PREFIX + secrets.token_urlsafe(32)
        row = StoredCredential(
            credential="adm_" + secrets.token_hex(8),
            name=name,
            role=role.value,
            organization=organization,
            created_at=self._now_ms(),
            created_by=by,
            expires_at=expires_at,
            revoked_at=None,
            version=1,
        )
        values = {column: getattr(row, column) for column in _SHOWN}
        with self._database.writing() as connection:
            connection.execute(insert(CREDENTIALS).values(**values, hash=_hash(secret.encode())))
        return secret, row

    def identify(self, secret: bytes) -> Administrator | None:
        """Return whose credential this is; None where it is nobody's, revoked or expired."""
        if len(secret) != _LENGTH or not secret.startswith(_PREFIX.encode()):
            return None
        row = self._one(CREDENTIALS.c.hash == _hash(secret))
        if row is None or row.revoked_at is not None:
            return None
        if row.expires_at is not None and row.expires_at <= self._now_ms():
            return None
        return Administrator(
            row.credential, row.name, Role(row.role), row.organization, secret, row.expires_at
        )

    def get(self, credential: str) -> StoredCredential | None:
        """Return a row by its id."""
        return self._one(CREDENTIALS.c.credential == credential)

    def page(
        self, organization: str | None, after: Sequence[Any] | None, most: int
    ) -> list[StoredCredential]:
        """The rows behind one (its `created_at` and id), oldest first; of one organization where
        one is named."""
        place = tuple_(CREDENTIALS.c.created_at, CREDENTIALS.c.credential)
        statement = select(*(CREDENTIALS.c[name] for name in _SHOWN)).order_by(
            CREDENTIALS.c.created_at, CREDENTIALS.c.credential
        )
        if organization is not None:
            statement = statement.where(CREDENTIALS.c.organization == organization)
        if after is not None:
            statement = statement.where(place > tuple_(*after))
        with self._database.reading() as connection:
            return [StoredCredential(*row) for row in connection.execute(statement.limit(most))]

    def revoke(self, credential: str, expected: int | None = None) -> bool:
        """Revoke a credential for good; False where there is no such working one, or where it is
        not of this version any more."""
        statement = update(CREDENTIALS).where(
            CREDENTIALS.c.credential == credential, CREDENTIALS.c.revoked_at.is_(None)
        )
        if expected is not None:
            statement = statement.where(CREDENTIALS.c.version == expected)
        values = {"revoked_at": self._now_ms(), "version": CREDENTIALS.c.version + 1}
        with self._database.writing() as connection:
            return connection.execute(statement.values(**values)).rowcount == 1

    def _one(self, where: Any) -> StoredCredential | None:
        statement = select(*(CREDENTIALS.c[name] for name in _SHOWN)).where(where)
        with self._database.reading() as connection:
            row = connection.execute(statement).one_or_none()
        return None if row is None else StoredCredential(*row)

    def close(self) -> None:
        """Give the connections back."""
        self._database.close()
