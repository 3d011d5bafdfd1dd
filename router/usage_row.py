"""One row of usage: what a request used, from the ledger's journal to the usage table.

The ledger counts in numbers that it understands (`JournalRow.used`) and carries two JSON objects
that it does not read: who asked, written when a hold is made, and what served, written when it is
settled. The keys of both are known in this module alone.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import orjson

from router.domain import Charge, Principal, Usage
from router.units import PLURALS, REQUEST, UNITS, added_up

PASSED: Final = "passed"  # in place of the verifiers that fired, where none did
FIRED_LENGTH: Final = 120  # characters
_DAY_MS: Final = 86_400_000
_RARER: Final = Usage._fields.index("cache_write_tokens")  # from here on, of few requests
_NOTHING_RARER: Final = Usage()[_RARER:]
_EXPIRED: Final = "expired"  # the status of a hold that nobody settled

# Units that have a column, by the name in PLURALS: the unit of a request is not `requests` alone.
UNIT_COLUMNS: Final = tuple(unit for unit in UNITS if unit != REQUEST)
_OTHER_COUNTS: Final = frozenset({"parts", "units", "answer"})

ASKED_BEGIN: Final = b'{"request":'  # then the request's id as JSON, a comma, and `customer_json`


class JournalRow(NamedTuple):
    """A hold's end, as the journal has it.

    `seq` is 1 for the difference that a late settlement made, else 0. Instants are Unix
    milliseconds. `used` is requests, tokens, input, output, pico-USD; `meta` is who asked,
    `payload` what served (empty where nobody can tell).
    """

    hold_id: str
    seq: int
    status: str
    admitted_at: int
    closed_at: int
    used: tuple[int, ...]
    meta: bytes
    payload: bytes


class UsageRow(NamedTuple):
    """A row of the usage table: its columns by name, in order.

    `day` is when it was admitted, and `period` the first day of that billing month, by the
    customer's calendar: ISO dates. `operation` is what was asked. `credential` is whose account at
    the provider was asked: "house", "own" (the customer's), "mixed" (a cascade that asked both),
    None where nobody was, or an older version did. `images` to `bytes` are how many
    units it was counted in besides tokens (`router.units`), 0 where it was not; the unit of a
    request is `requests`. `service_tier` is the provider's class of service as the answer told it.
    `counts` is what has no column, as JSON: see `router.usage.used`. `baseline_pico` is what the
    same would have cost at the backend `baseline`, None where that cannot be said. The last four
    are empty where no cascade was planned; `verifier` names what rejected answers, in order and
    separated by ", ", or is PASSED. Instants are Unix milliseconds.
    """

    hold_id: str
    seq: int
    status: str
    admitted_at: int
    closed_at: int
    day: str
    period: str | None
    request_id: str | None
    organization: str
    team: str | None
    key_id: str | None
    end_user: str | None
    tier: str | None
    run: str | None
    asked: str | None
    operation: str | None
    route: str | None
    backend: str | None
    model: str | None
    credential: str | None
    requests: int
    tokens: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    images: int
    seconds: int
    characters: int
    searches: int
    bytes: int
    counts: str | None
    cost_pico: int
    baseline: str | None
    baseline_pico: int | None
    price_version: str | None
    service_tier: str | None
    estimated: bool
    busy_ms: int
    energy_mj: int | None
    energy_source: str | None
    predicted: float | None
    verifier: str | None
    rejected_pico: int | None
    judge_pico: int | None
    direct_pico: int | None


def customer_json(
    principal: Principal, end_user: str | None, model: str, run: str | None = None
) -> bytes:
    """Write who asks, to stand behind ASKED_BEGIN and the request's id.

    `model` is what was asked for: a route, or a backend's name; `run` the run of an agent, bounded.
    """
    asked = {
        "organization": principal.organization,
        "team": principal.team,
        "key": principal.key_id,
        "user": end_user,
        "tier": principal.tier,
        "model": model,
    }
    if run is not None:
        asked["run"] = run
    return orjson.dumps(asked)[1:]


def served_json(charge: Charge) -> bytes:
    """Write what served, and what of its use the ledger does not count."""
    usage, cascade = charge.usage, charge.cascade
    served: dict[str, object] = {
        "backend": charge.backend,
        "model": charge.model,
        "route": charge.route,
        "operation": charge.operation,
        "cached": usage.cached_tokens,
        "reasoning": usage.reasoning_tokens,
        "estimated": usage.estimated,
        "price": charge.price_version,
        "busy": charge.busy_ms,
        "energy": charge.energy_mj,
        "energy_source": charge.energy_source,
        "predicted": charge.predicted,
    }
    if charge.credential is not None:
        served["credential"] = charge.credential
    if usage[_RARER:] != _NOTHING_RARER:
        served |= _rarer(usage)
    if cascade is not None:
        served["cascade"] = {
            "fired": cascade.fired,
            "rejected": cascade.rejected_pico,
            "judge": cascade.judge_pico,
            "direct": cascade.direct_pico,
        }
        if cascade.answer is not None:
            served["answer"] = _counters(cascade.answer)
    # A copy: what orjson returns fills 4 KB for as long as it lives, and this lives for seconds.
    return b"%b" % orjson.dumps(served)


def _counters(usage: Usage) -> dict[str, object]:
    """Every counter of one answer that is not zero."""
    counters = {
        "input": usage.input_tokens,
        "output": usage.output_tokens,
        "cached": usage.cached_tokens,
        "written": usage.cache_write_tokens,
        "reasoning": usage.reasoning_tokens,
        "parts": dict(usage.parts),
        "units": added_up(usage.units),
    }
    return {name: value for name, value in counters.items() if value}


def _rarer(usage: Usage) -> dict[str, object]:
    """What of a usage few requests have."""
    told: dict[str, object] = {
        "written": usage.cache_write_tokens,
        "units": added_up(usage.units),
        "parts": dict(usage.parts),
        "tier": usage.tier,
    }
    return {name: held for name, held in told.items() if held}


def usage_row(row: JournalRow) -> UsageRow:
    """Return the table's row of a journal's, its day and period in UTC, and without a baseline.

    A correction's counts besides those of the ledger are the whole request's, until
    `router.usage.used.corrected` takes off what was told before. Raises ValueError or KeyError for
    a foreign one.
    """
    requests, tokens, input_tokens, output_tokens, cost_pico = row.used
    asked = orjson.loads(row.meta)
    served = orjson.loads(row.payload or b"{}")
    if asked.get("organization") is None:
        raise ValueError("it names no organization")
    once = {} if row.seq else served  # a correction does not tell time, energy and cascade again
    today = _day(row.admitted_at // _DAY_MS)
    return UsageRow(
        hold_id=row.hold_id,
        seq=row.seq,
        status=row.status,
        admitted_at=row.admitted_at,
        closed_at=row.closed_at,
        day=today,
        period=f"{today[:-2]}01",
        **_asking(asked),
        operation=served.get("operation"),
        route=served.get("route"),
        backend=served.get("backend"),
        model=served.get("model"),
        credential=served.get("credential") or ("house" if served.get("backend") else None),
        requests=requests,
        tokens=tokens,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        **_counted(served),
        cost_pico=cost_pico,
        baseline=None,
        baseline_pico=None,
        price_version=served.get("price"),
        service_tier=served.get("tier"),
        estimated=bool(served.get("estimated", row.status == _EXPIRED)),
        busy_ms=once.get("busy", 0),
        energy_mj=once.get("energy"),
        energy_source=served.get("energy_source"),
        predicted=served.get("predicted"),
        **(_cascaded(once["cascade"]) if "cascade" in once else _NO_CASCADE),
    )


def _asking(asked: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of who asked, and for what."""
    return {
        "request_id": asked.get("request"),
        "organization": asked["organization"],
        "team": asked.get("team"),
        "key_id": asked.get("key"),
        "end_user": asked.get("user"),
        "tier": asked.get("tier"),
        "run": asked.get("run"),
        "asked": asked.get("model"),
    }


def _counted(served: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of what the ledger does not count."""
    return {
        "cached_tokens": served.get("cached", 0),
        "cache_write_tokens": served.get("written", 0),
        "reasoning_tokens": served.get("reasoning", 0),
        **(_units(served["units"]) if "units" in served else _NO_UNITS),
        "counts": _counts(served) if _OTHER_COUNTS & served.keys() else None,
    }


def _units(told: Mapping[str, int]) -> dict[str, int]:
    """The columns of units; that of requests is counted by the ledger."""
    return {PLURALS[unit]: told.get(unit, 0) for unit in UNIT_COLUMNS}


def _counts(served: Mapping[str, Any]) -> str | None:
    """What has no column: parts of tokens, units without one, and the delivered answer's own."""
    units = {n: count for n, count in served.get("units", {}).items() if n not in UNIT_COLUMNS}
    counts = {
        **({"parts": served["parts"]} if "parts" in served else {}),
        **({"units": units} if units else {}),
        **({"answer": served["answer"]} if "answer" in served else {}),
    }
    return orjson.dumps(counts).decode() if counts else None


def _cascaded(told: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of cascades, where one was planned."""
    costs = {f"{name}_pico": told.get(name) for name in ("rejected", "judge", "direct")}
    return {"verifier": _fired(told), **costs}


def _fired(cascade: Mapping[str, Any]) -> str:
    """The names of the verifiers that fired, or PASSED."""
    return ", ".join(cascade.get("fired", ()))[:FIRED_LENGTH] or PASSED


@lru_cache(maxsize=64)
def _day(number: int) -> str:
    """The date of a day, counted from 1 January 1970."""
    return datetime.fromtimestamp(number * _DAY_MS / 1000, UTC).date().isoformat()


# Of nearly every row.
_NO_UNITS: Final[Any] = MappingProxyType(_units({}))
_NO_CASCADE: Final[Any] = MappingProxyType(dict.fromkeys(_cascaded({})))
