"""The names a condition may use: name -> type in CEL, place in Signals, meaning.

Most rows are derived from the fields of `policies.signals` that carry a `Fact`. Only what is no
plain field is written out here: the tier's name, shares of a budget, a backend's cost in USD.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final, Literal, get_type_hints

from policies.money import to_usd
from policies.signals import (
    BackendSignals,
    Clock,
    Fact,
    PrincipalSignals,
    PromptSignals,
    RequestSignals,
    RunSignals,
    Signals,
)

Kind = Literal["bool", "int", "double", "string", "list<string>"]
KIND_WORDS: Final[Mapping[Kind, str]] = {
    "bool": "yes or no",
    "int": "number",
    "double": "fraction",
    "string": "text",
    "list<string>": "list",
}
_KINDS: Final[Mapping[type, Kind]] = {
    bool: "bool",
    int: "int",
    float: "double",
    tuple: "list<string>",
}


@dataclass(frozen=True, slots=True)
class FactRow:
    """One name: its type in CEL, how to read it from the signals, what it means."""

    kind: Kind
    read: Callable[[Signals], Any]
    meaning: str


@dataclass(frozen=True, slots=True)
class BackendFactRow:
    """One name behind `backend["x"].`: type, how to read it of one backend, meaning."""

    kind: Kind
    read: Callable[[BackendSignals], Any]
    meaning: str


def facts_of(section: type) -> Iterator[tuple[str, Kind, str]]:
    """Name, type and meaning of each field of a section of the signals that is a fact."""
    for name, hint in get_type_hints(section, include_extras=True).items():
        for mark in getattr(hint, "__metadata__", ()):
            if isinstance(mark, Fact):
                base = hint.__origin__
                yield name, _KINDS.get(getattr(base, "__origin__", base), "string"), mark.meaning


def _rows(prefix: str, section: type) -> Iterator[tuple[str, FactRow]]:
    for name, kind, meaning in facts_of(section):
        read: Callable[[Signals], Any] = attrgetter(f"{prefix}.{name}")
        if kind == "list<string>":
            read = _listed(read)
        yield f"{prefix}.{name}", FactRow(kind, read, meaning)


def _listed(read: Callable[[Signals], Any]) -> Callable[[Signals], list[str]]:
    return lambda signals: list(read(signals))


def _share(window: str) -> Callable[[Signals], float]:
    return lambda signals: float(signals.budget.get(window, 0.0))


def _largest_share(signals: Signals) -> float:
    return float(max(signals.budget.values(), default=0.0))


FACTS: Final[Mapping[str, FactRow]] = {
    **dict(_rows("request", RequestSignals)),
    **dict(_rows("prompt", PromptSignals)),
    "tier.name": FactRow("string", attrgetter("tier"), "the customer's tier"),
    **dict(_rows("principal", PrincipalSignals)),
    "budget.used_share": FactRow(
        "double", _largest_share, "the largest used share of the customer's quotas, 0.0 to 1.0"
    ),
    "budget.minute.used_share": FactRow(
        "double", _share("minute"), "the same, of this minute's quotas"
    ),
    "budget.day.used_share": FactRow("double", _share("day"), "the same, of today's"),
    "budget.week.used_share": FactRow("double", _share("week"), "the same, of this week's"),
    "budget.month.used_share": FactRow("double", _share("month"), "the same, of this month's"),
    "budget.year.used_share": FactRow("double", _share("year"), "the same, of this year's"),
    **dict(_rows("run", RunSignals)),
    **dict(_rows("clock", Clock)),
}

HEADERS: Final = "request.headers"  # `request.headers["x-app"]`: text, "" where it was not sent
SECRET_HEADERS: Final = frozenset(
    ("authorization", "proxy-authorization", "cookie", "x-api-key", "x-goog-api-key", "api-key")
)

ABSENT: Final = BackendSignals(healthy=False)  # what is read of a backend that is not there
BACKEND_FACTS: Final[Mapping[str, BackendFactRow]] = {  # `backend["name"].field`
    **{
        name: BackendFactRow(kind, attrgetter(name), meaning)
        for name, kind, meaning in facts_of(BackendSignals)
    },
    "cost_usd": BackendFactRow(
        "double",
        lambda backend: to_usd(backend.cost_pico),
        "expected cost of this request there, USD",
    ),
}


def success_of(signals: Signals, name: str) -> float:
    """P(success) of a backend; NaN where unknown, so that every comparison with it is false."""
    backend = signals.backends.get(name)
    return math.nan if backend is None or backend.success is None else backend.success
