"""The decision log: one JSON object per decision, with all it takes to repeat it bit for bit.

    {"v": 1, "at": 1763766000000, "id": "req-...", "policy": "3f2a...", "classifier": "...",
     "prices": "...", "signals": {...}, "hints": {...}, "decision": {...} | "denial": {...},
     "outcome": {...}}

It holds no text of a prompt or an answer. Fields at their defaults are left out. `at` is Unix
milliseconds, money is pico-USD, latencies are milliseconds.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cache
from operator import attrgetter
from typing import Any, Final, NamedTuple

from policies.decision import Decision, Denial
from policies.signals import (
    NO_HINTS,
    BackendSignals,
    Clock,
    Hints,
    PrincipalSignals,
    PromptSignals,
    RequestSignals,
    RunSignals,
    Signals,
)

FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class RecordedOutcome:
    """How an admitted request ended; None for what is not known."""

    backend: str = ""  # the one that really served; "" if none did
    end: str = ""  # completed, disconnected, failed, cut
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cost_pico: int = 0
    latency_ms: int | None = None
    first_token_ms: int | None = None
    success: bool | None = None  # the answer was judged good, by an audit or the customer
    dropped: str = ""  # what the backend was not told, by name
    beside_pico: int = 0  # of the cost: answers that a cascade passed over, and its judge's


@dataclass(frozen=True, slots=True)
class Record:
    """One line of the log, read back."""

    at_ms: int
    id: str
    policy: str
    classifier: str
    prices: str
    signals: Signals
    hints: Hints
    route: str
    backend: str  # the first choice, "" for a denial
    candidates: tuple[str, ...]
    propensity: float
    steps: tuple[str, ...]  # of the cascade that was planned
    outcome: RecordedOutcome | None


class RecordError(ValueError):
    """A line is not a record of this format."""


def to_record(
    *,
    at_ms: int,
    signals: Signals,
    hints: Hints,
    answer: Decision | Denial,
    policy: str,
    classifier: str,
    prices: str,
    outcome: RecordedOutcome | None = None,
) -> dict[str, Any]:
    """The JSON object of one decision; versions are the content hashes in force."""
    record: dict[str, Any] = {
        "v": FORMAT,
        "at": at_ms,
        "id": signals.request.id,
        "policy": policy,
        "classifier": classifier,
        "prices": prices,
        "signals": _signals(signals),
    }
    if hints != NO_HINTS:
        record["hints"] = _sparse(hints)
    record["decision" if isinstance(answer, Decision) else "denial"] = _answer(answer)
    if outcome is not None:
        record["outcome"] = _sparse(outcome)
    return record


def from_record(record: Mapping[str, Any]) -> Record:
    """Read one JSON object back. Raises RecordError."""
    try:
        if record["v"] != FORMAT:
            raise RecordError(f"format {record['v']} is not known")
        decision = record.get("decision")
        outcome = record.get("outcome")
        hints = record.get("hints")
        return Record(
            at_ms=record["at"],
            id=record["id"],
            policy=record["policy"],
            classifier=record["classifier"],
            prices=record["prices"],
            signals=read_signals(record["signals"]),
            hints=_hints(hints) if hints else NO_HINTS,
            route=(decision or record["denial"])["route"],
            backend=decision["candidates"][0] if decision else "",
            candidates=tuple(decision["candidates"]) if decision else (),
            propensity=decision.get("propensity", 1.0) if decision else 1.0,
            steps=tuple(decision["cascade"]["steps"]) if decision and "cascade" in decision else (),
            outcome=RecordedOutcome(**outcome) if outcome else None,
        )
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise RecordError(f"not a decision record: {error}") from None


def read_signals(data: Mapping[str, Any]) -> Signals:
    """Signals from their JSON form. Raises TypeError or KeyError where it is wrong."""
    principal = data.get("principal") or {}
    clock = data.get("clock") or {}
    return Signals(
        request=RequestSignals(**data["request"]),
        prompt=PromptSignals(**data.get("prompt", {})),
        tier=data["tier"],
        principal=_principal(principal) if principal else PrincipalSignals(),
        backends={name: BackendSignals(**each) for name, each in data["backends"].items()},
        budget=data.get("budget", {}),
        clock=Clock(**clock) if clock else Clock(),
        run=RunSignals(**data.get("run", {})),
    )


def _principal(data: Mapping[str, Any]) -> PrincipalSignals:
    return PrincipalSignals(**{**data, "tags": tuple(data.get("tags", ()))})


def _hints(data: Mapping[str, Any]) -> Hints:
    return Hints(**{**data, "exclude": tuple(data.get("exclude", ()))})


def _signals(signals: Signals) -> dict[str, Any]:
    request = _sparse(signals.request) | {"model": signals.request.model}
    if signals.request.headers:
        request["headers"] = dict(signals.request.headers)
    written: dict[str, Any] = {
        "request": request,
        "prompt": _sparse(signals.prompt),
        "tier": signals.tier,
        "principal": _sparse(signals.principal),
        "backends": {name: _sparse(backend) for name, backend in signals.backends.items()},
    }
    if run := _sparse(signals.run):
        written["run"] = run
    if clock := _sparse(signals.clock):
        written["clock"] = clock
    if signals.budget:
        written["budget"] = dict(signals.budget)
    return written


def _answer(answer: Decision | Denial) -> dict[str, Any]:
    if isinstance(answer, Denial):
        denial = {"route": answer.route, "status": answer.status, "reason": answer.reason}
        return denial | ({"rules": list(answer.rules)} if answer.rules else {})
    decision: dict[str, Any] = {
        "route": answer.route,
        "candidates": list(answer.candidates),
        "reason": answer.reason,
        "objective": answer.objective,
        "allowed": sorted(answer.allowed),
    }
    if answer.rules:
        decision["rules"] = list(answer.rules)
    if answer.propensity < 1.0:
        decision["propensity"] = answer.propensity
    if answer.cascade is not None:
        decision["cascade"] = {
            "steps": list(answer.cascade.steps),
            "verify": list(answer.cascade.verify),
        }
        if answer.cascade.judge is not None:
            decision["cascade"]["judge"] = answer.cascade.judge
    if answer.shadow is not None:
        decision["shadow"] = {"to": answer.shadow.to, "judge": answer.shadow.judge}
    return decision


def _sparse(value: Any) -> dict[str, Any]:
    """A dataclass's fields that differ from their defaults. The caller adds the mappings.

    One line of the log has a dozen of these, so the layout of a class is computed once.
    """
    read, names, defaults = _layout(value.__class__)
    fields = zip(names, read(value), defaults, strict=True)
    return {name: now for name, now, default in fields if now != default}


class _Layout(NamedTuple):
    """How a class is written: a getter of its fields, their names and their defaults."""

    read: Callable[[Any], tuple[Any, ...]]
    names: tuple[str, ...]
    defaults: tuple[Any, ...]


@cache
def _layout(kind: Any) -> _Layout:
    """The layout of a class with two fields or more; those with a default factory are mappings."""
    written = [each for each in fields(kind) if each.default_factory is MISSING]
    names = tuple([each.name for each in written])
    return _Layout(attrgetter(*names), names, tuple([each.default for each in written]))
