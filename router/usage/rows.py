"""The usage table: one row per admitted request, one more where a late settlement corrects it.

Columns of LATER came with a later version: a table that lacks them gets them at the start, empty.
"""

from typing import Final

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
    text,
)

from router.database import LATER
from router.usage_row import FIRED_LENGTH, UsageRow

METADATA: Final = MetaData()
USAGE: Final = Table(
    "usage",
    METADATA,
    Column("hold_id", String(40), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("status", String(16), nullable=False),
    Column("admitted_at", BigInteger, nullable=False),
    Column("closed_at", BigInteger, nullable=False),
    Column("day", String(10), nullable=False),
    Column("period", String(10), info=LATER),
    Column("request_id", String(128)),
    Column("organization", Text, nullable=False),
    Column("team", Text),
    Column("key_id", Text),
    Column("end_user", String(64)),
    Column("tier", Text),
    Column("run", String(128), info=LATER),
    Column("asked", Text),
    Column("operation", String(64)),
    Column("route", Text),
    Column("backend", Text),
    Column("model", Text),
    Column("credential", String(8), info=LATER),
    Column("requests", Integer, nullable=False),
    Column("tokens", BigInteger, nullable=False),
    Column("input_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("cached_tokens", BigInteger, nullable=False),
    Column("cache_write_tokens", BigInteger, nullable=False, server_default=text("0"), info=LATER),
    Column("reasoning_tokens", BigInteger, nullable=False),
    Column("images", BigInteger, nullable=False),
    Column("seconds", BigInteger, nullable=False),
    Column("characters", BigInteger, nullable=False),
    Column("searches", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("counts", Text, info=LATER),
    Column("cost_pico", BigInteger, nullable=False),
    Column("baseline", Text, info=LATER),
    Column("baseline_pico", BigInteger, info=LATER),
    Column("price_version", Text),
    Column("service_tier", Text, info=LATER),
    Column("estimated", Boolean, nullable=False),
    Column("busy_ms", BigInteger, nullable=False),
    Column("energy_mj", BigInteger),
    Column("energy_source", String(16)),
    Column("predicted", Float),
    Column("verifier", String(FIRED_LENGTH)),
    Column("rejected_pico", BigInteger),
    Column("judge_pico", BigInteger),
    Column("direct_pico", BigInteger),
    Index("usage_by_organization", "organization", "admitted_at"),
    Index("usage_by_day", "day"),
    Index("usage_by_admission", "admitted_at"),
)


NAMES: Final = tuple(column.name for column in USAGE.columns)
if UsageRow._fields != NAMES:
    raise AssertionError("the usage table and router.usage_row have different columns")
