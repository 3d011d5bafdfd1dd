"""Rollups of usage: sums of rows that are alike in all that reports tell apart, hour by hour.

Of the rows that were admitted before `usage_rolled.rolled`, the rollups hold the sums, whether the
rows are still there or not; those before `usage_rolled.pruned` are gone. A rollup's sums are exact:
money in two parts, millions of pico-USD and the rest, since one may not fit 64 bits.
"""

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    case,
    cast,
    func,
    literal_column,
)
from sqlalchemy.sql.elements import ColumnElement

from router.usage.rows import USAGE

METADATA: Final = MetaData()
MICRO: Final = 10**6
HOUR_MS: Final = 3_600_000
HOUR: Final[ColumnElement[int]] = literal_column(str(HOUR_MS))  # PostgreSQL groups by no parameter
OF_A_DAY: Final = -1  # in place of an hour

_ROW: Final = USAGE.c
_BESIDE: Final = _ROW.baseline.is_not(None)


def digits_of(hold_id: ColumnElement[Any], first: int, count: int) -> ColumnElement[str]:
    """Digits of a hold's id."""
    start: ColumnElement[int] = literal_column(str(first))
    size: ColumnElement[int] = literal_column(str(count))
    return func.substr(hold_id, start, size)


# What is told apart, by the name that both tables' sums have for it.
PERIOD: Final[ColumnElement[Any]] = literal_column(
    "coalesce(usage.period, substr(usage.day, 1, 7) || '-01')"
)
KEYS: Final[dict[str, ColumnElement[Any]]] = {
    "day": _ROW.day,
    "period": PERIOD,
    **{
        name: _ROW[name]
        for name in (
            *("organization", "team", "key_id", "end_user", "tier", "asked", "operation", "route"),
            *("backend", "model", "credential", "service_tier", "status", "baseline", "verifier"),
            "energy_source",
        )
    },
    "process": digits_of(_ROW.hold_id, 13, 8),
    # A row that nobody served and that cost nothing is no backend's.
    "served": case(
        (_ROW.backend.is_not(None) | (_ROW.cost_pico != literal_column("0")), literal_column("1")),
        else_=literal_column("0"),
    ),
}
MONEY: Final[dict[str, ColumnElement[Any]]] = {
    "cost_pico": _ROW.cost_pico,
    "baseline_pico": case(
        (_BESIDE, func.coalesce(_ROW.baseline_pico, _ROW.cost_pico)), else_=literal_column("0")
    ),
    "rejected_pico": _ROW.rejected_pico,
    "judge_pico": _ROW.judge_pico,
    "direct_pico": _ROW.direct_pico,
}
COUNTS: Final[dict[str, ColumnElement[Any]]] = {
    **{
        name: _ROW[name]
        for name in (
            *("requests", "tokens", "input_tokens", "output_tokens", "cached_tokens"),
            *("cache_write_tokens", "reasoning_tokens", "images", "seconds", "characters"),
            *("searches", "bytes", "busy_ms", "energy_mj"),
        )
    },
    "counted": literal_column("1"),
    "uncompared": case(
        (_BESIDE & _ROW.baseline_pico.is_(None), _ROW.requests), else_=literal_column("0")
    ),
    "metered": case((_ROW.energy_mj.is_not(None), literal_column("1")), else_=literal_column("0")),
    "judged": case((_ROW.predicted.is_not(None), literal_column("1")), else_=literal_column("0")),
    "predicted_nano": cast(func.round(cast(_ROW.predicted, Float) * 1e9), BigInteger),
}
PARTS: Final = tuple(f"{name}_{part}" for name in MONEY for part in ("high", "low"))

ROLLUPS: Final = Table(
    "usage_rollups",
    METADATA,
    Column("id", String(32), primary_key=True),  # a digest of hour and keys: some are empty
    Column("hour", Integer, nullable=False),  # since 1970; OF_A_DAY where days are left
    *(Column(name, Integer if name == "served" else Text, nullable=name != "day") for name in KEYS),
    Column("first_at", BigInteger, nullable=False),
    Column("first_hold", String(40), nullable=False),
    *(Column(name, BigInteger, nullable=False) for name in (*COUNTS, *PARTS)),
    Index("usage_rollups_day", "day"),
    Index("usage_rollups_hour", "hour"),
    Index("usage_rollups_organization", "organization", "day"),
)
# One row: up to which instants rows are rolled up and gone, in Unix milliseconds; who does it.
ROLLED: Final = Table(
    "usage_rolled",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("rolled", BigInteger, nullable=False),
    Column("pruned", BigInteger, nullable=False),
    Column("holder", String(64), nullable=False),
    Column("held_until", BigInteger, nullable=False),
)


def high_and_low(pico: ColumnElement[Any]) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """The sum of a column of pico-USD in two parts."""
    return func.sum(pico // MICRO), func.sum(pico % MICRO)


def sums_of_rows() -> list[ColumnElement[Any]]:
    """The sums of rows, as the columns of a rollup from `first_at` on."""
    counts = [func.coalesce(func.sum(each), 0).label(name) for name, each in COUNTS.items()]
    parts = [
        func.coalesce(part, 0).label(f"{name}_{which}")
        for name, pico in MONEY.items()
        for which, part in zip(("high", "low"), high_and_low(pico), strict=True)
    ]
    first = [
        func.min(_ROW.admitted_at).label("first_at"), func.min(_ROW.hold_id).label("first_hold"),
    ]  # fmt: skip
    return [*first, *counts, *parts]


def sums_of_rollups() -> list[ColumnElement[Any]]:
    """The same of rollups."""
    sums = [func.sum(ROLLUPS.c[name]).label(name) for name in (*COUNTS, *PARTS)]
    first = [func.min(ROLLUPS.c[name]).label(name) for name in ("first_at", "first_hold")]
    return [*first, *sums]
