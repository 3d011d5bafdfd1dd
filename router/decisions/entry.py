"""What is kept of one request: taken note of beside it in one step, made into a row later."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson

from policies.decision import Decision, Denial
from router.domain import Charge, Principal

_LONGEST: Final = 500  # characters of a message, and of a name that a client made up


class Refused(NamedTuple):
    """Why a request was refused: by which limit of which level, what its client was told.

    `wait_ms` is None where waiting does not help.
    """

    limit: str
    level: str
    tier: str
    wait_ms: int | None
    status: int
    code: str
    message: str


class Failure(NamedTuple):
    """A try that failed: why, in one word and in our own words, after how many milliseconds."""

    backend: str
    kind: str
    reason: str
    ms: int | None


class Versions(NamedTuple):
    """What a request was decided by."""

    policy: str
    prices: str
    classifier: str


class Entry(NamedTuple):
    """One request after its end. Seconds count from its decision; `end` is the HTTP status and the
    code of the error that ended it, None where none did.
    """

    id: str
    at_ms: int
    principal: Principal | None
    operation: str
    asked: str
    versions: Versions | None = None
    decision: Decision | Denial | None = None
    charge: Charge | None = None
    first_byte_seconds: float | None = None
    seconds: float = 0.0
    end: tuple[int, str] | None = None
    failures: Sequence[Failure] = ()
    refused: Refused | None = None


_Row = tuple[Any, ...]


def row_of(entry: Entry, count: int = 1, ids: Sequence[str] = ()) -> _Row:
    """The row of an entry, in the order of the table's columns; `count` requests like it, of which
    `ids` are others'.
    """
    principal, refused = entry.principal, entry.refused
    record = orjson.dumps(_record(entry, ids))
    if principal is None:
        who: _Row = ("", None, None, None)
    else:
        who = (principal.organization, principal.team, principal.key_id, principal.tier)
    why = (None, None) if refused is None else (refused.limit, refused.level)
    return (entry.id, entry.at_ms, *who, *why, count, record)


def _record(entry: Entry, ids: Sequence[str]) -> dict[str, Any]:
    record: dict[str, Any] = {"operation": entry.operation, "asked": entry.asked[:_LONGEST]}
    if entry.versions is not None:
        record |= entry.versions._asdict()
    if entry.decision is not None:
        record["decision"] = _decided(entry.decision)
    if entry.refused is not None:
        record["refused"] = refused_words(entry.refused)
    else:
        record["outcome"] = _outcome(entry)
    if entry.failures:
        record["failures"] = [list(failure) for failure in entry.failures]
    if ids:
        record["ids"] = list(ids)
    return record


def refused_words(refused: Refused) -> dict[str, Any]:
    """A refusal as plain data."""
    return refused._asdict() | {"message": refused.message[:_LONGEST]}


def _decided(answer: Decision | Denial) -> dict[str, Any]:
    if isinstance(answer, Denial):
        said: Mapping[str, Any] = {"route": answer.route, "status": answer.status}
        return {**said, "reason": answer.reason, "rules": answer.rules}
    decided: dict[str, Any] = {
        "route": answer.route,
        "candidates": answer.candidates,
        "reason": answer.reason,
        "objective": answer.objective,
        "rules": answer.rules,
        "cost_pico": dict(answer.cost_pico),
    }
    if answer.success:
        decided["success"] = dict(answer.success)
    if answer.cascade is not None:
        decided["steps"] = answer.cascade.steps
    return decided


def _outcome(entry: Entry) -> dict[str, Any]:
    outcome: dict[str, Any] = {"latency_ms": round(1000 * entry.seconds)}
    charge = entry.charge
    if charge is not None:
        usage = charge.usage
        outcome |= {
            "end": charge.outcome.value,
            "backend": charge.backend,
            "model": charge.model,
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "cached_tokens": usage.cached_tokens,
            "cost_pico": charge.cost_pico,
        }
        if charge.cascade is not None:
            outcome["rejected_by"] = charge.cascade.fired
            outcome["beside_pico"] = charge.cascade.rejected_pico + charge.cascade.judge_pico
    if entry.first_byte_seconds is not None:
        outcome["first_token_ms"] = round(1000 * entry.first_byte_seconds)
    if entry.end is not None:
        outcome["status"], outcome["error"] = entry.end
    return outcome
