"""The usage table: one row per admitted request, one more where a late settlement corrects it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, Protocol

import orjson
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

PASSED: Final = "passed"
_FIRED_LENGTH: Final = 120
_DAY_MS: Final = 86_400_000

METADATA: Final = MetaData()
# Columns that databases of earlier versions lack; empty where no cascade was planned. `verifier`
# names what rejected answers, in order and separated by ", ", or is PASSED.
LATER: Final = (
    Column("verifier", String(_FIRED_LENGTH)),
    Column("rejected_pico", BigInteger),
    Column("judge_pico", BigInteger),
    Column("direct_pico", BigInteger),
)
USAGE: Final = Table(
    "usage",
    METADATA,
    Column("rid", String(40), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("status", String(16), nullable=False),
    Column("t0", BigInteger, nullable=False),
    Column("t1", BigInteger, nullable=False),
    Column("day", String(10), nullable=False),
    Column("request_id", String(128)),
    Column("organization", Text, nullable=False),
    Column("team", Text),
    Column("key_id", Text),
    Column("end_user", String(64)),
    Column("tier", Text),
    Column("asked", Text),
    Column("route", Text),
    Column("backend", Text),
    Column("model", Text),
    Column("requests", Integer, nullable=False),
    Column("tokens", BigInteger, nullable=False),
    Column("input_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("cached_tokens", BigInteger, nullable=False),
    Column("reasoning_tokens", BigInteger, nullable=False),
    Column("cost_pico", BigInteger, nullable=False),
    Column("price_version", Text),
    Column("estimated", Boolean, nullable=False),
    Column("busy_ms", BigInteger, nullable=False),
    Column("energy_mj", BigInteger),
    Column("energy_source", String(16)),
    Column("predicted", Float),
    *LATER,
    Index("usage_by_organization", "organization", "t0"),
    Index("usage_by_day", "day"),
)


NAMES: Final = tuple(column.name for column in USAGE.columns)


class Told(Protocol):
    """What a journal says of a hold's end."""

    @property
    def hold_id(self) -> str:
        """The hold."""

    @property
    def seq(self) -> int:
        """0, or 1 where this is the difference that a late settlement made."""

    @property
    def status(self) -> str:
        """How it ended."""

    @property
    def admitted_at(self) -> int:
        """When it was admitted, Unix milliseconds."""

    @property
    def closed_at(self) -> int:
        """When it was closed."""

    @property
    def used(self) -> tuple[int, ...]:
        """Requests, tokens, input, output, pico-USD."""

    @property
    def meta(self) -> bytes:
        """Who asked: a JSON object."""

    @property
    def payload(self) -> bytes:
        """What served: a JSON object, or nothing."""


def row_of(told: Told) -> tuple[Any, ...]:
    """A journal entry as a row of the table, in the order of NAMES. Raises ValueError or KeyError
    for a foreign entry.
    """
    hold_id, seq, status, admitted_at = told.hold_id, told.seq, told.status, told.admitted_at
    requests, tokens, prompt, output, cost = told.used
    meta = orjson.loads(told.meta).get
    payload = orjson.loads(told.payload or b"{}").get
    organization = meta("organization")
    if organization is None:
        raise ValueError("it names no organization")
    cached, reasoning, busy, energy, cascade = 0, 0, 0, None, None
    if not seq:  # a correction repeats only what is a fact, not what is counted
        cached, reasoning = payload("cached", 0), payload("reasoning", 0)
        busy, energy, cascade = payload("busy", 0), payload("energy"), payload("cascade")
    return (
        hold_id, seq, status, admitted_at, told.closed_at, _day(admitted_at // _DAY_MS),
        meta("request"), organization, meta("team"), meta("key"), meta("user"),
        meta("tier"), meta("model"), payload("route"), payload("backend"), payload("model"),
        requests, tokens, prompt, output, cached, reasoning, cost, payload("price"),
        bool(payload("estimated", status == "expired")), busy, energy,
        payload("energy_source"), payload("predicted"), *_cascade(cascade or {}),
    )  # fmt: skip


@lru_cache(maxsize=64)
def _day(number: int) -> str:
    """The date of a day, counted from 1 January 1970."""
    return datetime.fromtimestamp(number * _DAY_MS / 1000, UTC).date().isoformat()


def _cascade(told: Mapping[str, Any]) -> tuple[Any, ...]:
    """The columns of LATER."""
    if not told:
        return (None, None, None, None)
    fired = ", ".join(told.get("fired", ()))[:_FIRED_LENGTH]
    return (fired or PASSED, told.get("rejected"), told.get("judge"), told.get("direct"))
