"""The usage table: one row per admitted request, one more where a late settlement corrects it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

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


def row_of(fields: Mapping[str, str]) -> dict[str, Any]:
    """A journal entry as a row of the table. Raises ValueError or KeyError for a foreign entry."""
    meta, payload = orjson.loads(fields["meta"]), orjson.loads(fields["payload"] or "{}")
    requests, tokens, prompt, output, cost = (int(n) for n in fields["used"].split(","))
    t0 = int(fields["t0"])
    correction = int(fields["seq"]) > 0
    return {
        "rid": fields["rid"],
        "seq": int(fields["seq"]),
        "status": fields["status"],
        "t0": t0,
        "t1": int(fields["t1"]),
        "day": datetime.fromtimestamp(t0 / 1000, UTC).date().isoformat(),
        "request_id": meta.get("request"),
        "organization": meta["organization"],
        "team": meta.get("team"),
        "key_id": meta.get("key"),
        "end_user": meta.get("user"),
        "tier": meta.get("tier"),
        "asked": meta.get("model"),
        "route": payload.get("route"),
        "backend": payload.get("backend"),
        "model": payload.get("model"),
        "requests": requests,
        "tokens": tokens,
        "input_tokens": prompt,
        "output_tokens": output,
        "cached_tokens": 0 if correction else payload.get("cached", 0),
        "reasoning_tokens": 0 if correction else payload.get("reasoning", 0),
        "cost_pico": cost,
        "price_version": payload.get("price"),
        "busy_ms": 0 if correction else payload.get("busy", 0),
        "energy_mj": None if correction else payload.get("energy"),
        "energy_source": payload.get("energy_source"),
        "predicted": payload.get("predicted"),
        "estimated": bool(payload.get("estimated", fields["status"] == "expired")),
        **_cascade({} if correction else payload.get("cascade") or {}),
    }


def _cascade(told: Mapping[str, Any]) -> dict[str, Any]:
    fired = ", ".join(told.get("fired", ()))[:_FIRED_LENGTH]
    return {
        "verifier": (fired or PASSED) if told else None,
        "rejected_pico": told.get("rejected"),
        "judge_pico": told.get("judge"),
        "direct_pico": told.get("direct"),
    }
