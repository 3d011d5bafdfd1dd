"""Answers of requests with an `Idempotency-Key`, kept for a day: sent twice, done once.

A request is claimed before it is worked on, and its answer is stored in the transaction of its
change: either both are there, or the next one with the same key begins anew. A gateway that died
holds its claims for a minute. Answers are sealed with the credential of who asked, since some hold
a key that is shown once: without it nobody opens them, whoever reads the database.
"""

import hashlib
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import orjson
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Index,
    LargeBinary,
    MetaData,
    String,
    Table,
    and_,
    delete,
    select,
    update,
)

from router.database import Database
from router.seal import Seal, Unreadable

METADATA: Final = MetaData()
ANSWERS: Final = Table(
    "admin_answers",
    METADATA,
    Column("credential", String(100), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("asked", LargeBinary(32), nullable=False),  # SHA-256 of what was asked
    Column("claim", String(32), nullable=False),
    Column("claimed_at", BigInteger, nullable=False),  # milliseconds of Unix time
    Column("answer", LargeBinary),  # None while it is worked on
    Index("admin_answers_claimed_at", "claimed_at"),
)
KEEP_MS: Final = 86_400_000
STALE_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An answer as it went out."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class KeyReused(Exception):
    """The key came with another request before."""


class StillRunning(Exception):
    """The request with this key is being worked on."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A request that this thread works on, and nobody else."""

    credential: str
    key: str
    number: str
    secret: bytes

    @property
    def place(self) -> bytes:
        """What its answer is sealed for."""
        return f"admin answer {self.credential} {self.key}".encode()

    def seal(self) -> Seal:
        """What closes and opens its answer."""
        return Seal([hashlib.sha256(b"turnout admin answer, format 1" + self.secret).digest()])


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class KeptAnswers:
    """Every method is one short transaction, blocks, and may raise DatabaseError."""

    def __init__(self, url: str, now_ms: Callable[[], int] = _now_ms) -> None:
        self._database = Database(url)
        self._now_ms = now_ms

    def prepare(self) -> None:
        """Make the table, or see that the one that is there is ours."""
        self._database.make(METADATA)

    def claim(self, credential: str, key: str, asked: bytes, secret: bytes) -> Claim | KeptAnswer:
        """Begin to work on a request, or return how it was answered.

        Raises KeyReused, StillRunning. `asked` is a digest of the request, `secret` what the asker
        showed.
        """
        now, number = self._now_ms(), secrets.token_hex(16)
        claim = Claim(credential, key, number, secret)
        row = {
            **{"credential": credential, "key": key, "asked": asked, "claim": number},
            **{"claimed_at": now, "answer": None},
        }
        mine = (ANSWERS.c.credential == credential) & (ANSWERS.c.key == key)
        with self._database.together() as connection:
            connection.execute(delete(ANSWERS).where(ANSWERS.c.claimed_at < now - KEEP_MS))
            new = self._database.insert(ANSWERS).values(**row).on_conflict_do_nothing()
            if connection.execute(new.returning(ANSWERS.c.key)).one_or_none() is not None:
                return claim
            kept = connection.execute(select(ANSWERS).where(mine).with_for_update()).one_or_none()
            if kept is None or (kept.answer is None and kept.claimed_at < now - STALE_MS):
                connection.execute(update(ANSWERS).where(mine).values(**row))
                return claim
        if bytes(kept.asked) != asked:
            raise KeyReused
        if kept.answer is None:
            raise StillRunning
        return _opened(claim, bytes(kept.answer))

    def finish(self, claim: Claim, answer: KeptAnswer) -> None:
        """Keep an answer: within the transaction of the change. Raises StillRunning where somebody
        else took the request over."""
        text = orjson.dumps([answer.status, dict(answer.headers), answer.body.decode()])
        sealed = claim.seal().close(text, claim.place)
        with self._database.writing() as connection:
            done = connection.execute(update(ANSWERS).where(_of(claim)).values(answer=sealed))
        if done.rowcount != 1:
            raise StillRunning

    def abandon(self, claim: Claim) -> None:
        """Forget a request that changed nothing: it may be sent again with the same key."""
        with self._database.writing() as connection:
            connection.execute(delete(ANSWERS).where(_of(claim)))

    def close(self) -> None:
        """Give the connections back."""
        self._database.close()


def _of(claim: Claim) -> ColumnElement[bool]:
    return and_(
        ANSWERS.c.credential == claim.credential,
        ANSWERS.c.key == claim.key,
        ANSWERS.c.claim == claim.number,
    )


def _opened(claim: Claim, sealed: bytes) -> KeptAnswer:
    """An answer that was kept. Raises KeyReused where another secret closed it: the token of
    turnout.yaml is a new one."""
    try:
        status, headers, body = orjson.loads(claim.seal().open(sealed, claim.place))
    except Unreadable:
        raise KeyReused from None
    return KeptAnswer(status, headers, body.encode())
