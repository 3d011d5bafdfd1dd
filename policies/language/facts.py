"""The names a condition may use: one table, name -> type, place in Signals, meaning.

A new fact is a field in `policies.signals`, a row here, and a line where the signals are gathered.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final, Literal

from policies.signals import Signals

Kind = Literal["bool", "int", "double", "string", "list<string>"]


@dataclass(frozen=True, slots=True)
class Fact:
    """One name: its type in CEL, how to read it from (signals, route, tier priority), meaning."""

    kind: Kind
    read: Callable[[Signals], Any]
    meaning: str


def _share(window: str) -> Callable[[Signals], float]:
    return lambda signals: float(signals.budget.get(window, 0.0))


def _largest_share(signals: Signals) -> float:
    return float(max(signals.budget.values(), default=0.0))


FACTS: Final[Mapping[str, Fact]] = {
    "request.route": Fact("string", attrgetter("request.route"), "the route, aliases resolved"),
    "request.model": Fact("string", attrgetter("request.model"), "`model` as the client sent it"),
    "request.pii": Fact(
        "bool", attrgetter("request.pii"), "personal data or a secret was detected"
    ),
    "request.tools": Fact("bool", attrgetter("request.tools"), "the request offers tools"),
    "request.images": Fact("bool", attrgetter("request.images"), "the request holds images"),
    "request.json_schema": Fact(
        "bool", attrgetter("request.json_schema"), "the answer must follow a JSON schema"
    ),
    "request.stream": Fact("bool", attrgetter("request.stream"), "the answer is to be streamed"),
    "request.max_tokens": Fact(
        "int",
        attrgetter("request.max_tokens"),
        "the largest answer asked for, in tokens; 0 if not given",
    ),
    "request.user": Fact(
        "string",
        attrgetter("request.user"),
        "the end user's id as the client sent it; may be empty",
    ),
    "prompt.tokens": Fact(
        "int", attrgetter("prompt.tokens"), "tokens of the whole prompt, estimated"
    ),
    "prompt.turns": Fact("int", attrgetter("prompt.turns"), "messages in the conversation"),
    "prompt.language": Fact(
        "string",
        attrgetter("prompt.language"),
        "language of the last user turn (en, de, ...); may be empty",
    ),
    "prompt.code": Fact("bool", attrgetter("prompt.code"), "the prompt holds program code"),
    "prompt.math": Fact("bool", attrgetter("prompt.math"), "the prompt holds mathematics"),
    "prompt.system_tokens": Fact(
        "int", attrgetter("prompt.system_tokens"), "tokens of the system prompt"
    ),
    "tier.name": Fact("string", attrgetter("tier"), "the customer's tier"),
    "principal.organization": Fact("string", attrgetter("principal.organization"), "the customer"),
    "principal.team": Fact(
        "string", attrgetter("principal.team"), "the team of the key; may be empty"
    ),
    "principal.key": Fact(
        "string", attrgetter("principal.key"), "the id of the key (never the key itself)"
    ),
    "principal.tags": Fact("list<string>", lambda s: list(s.principal.tags), "tags of the key"),
    "budget.used_share": Fact(
        "double", _largest_share, "the largest used share of the customer's quotas, 0.0 to 1.0"
    ),
    "budget.minute.used_share": Fact(
        "double", _share("minute"), "the same, of this minute's quotas alone"
    ),
    "budget.day.used_share": Fact("double", _share("day"), "the same, of today's quotas alone"),
    "budget.month.used_share": Fact(
        "double", _share("month"), "the same, of this month's quotas alone"
    ),
    "clock.hour": Fact(
        "int", attrgetter("clock.hour"), "the hour, 0 to 23, in the policy's time zone"
    ),
    "clock.weekday": Fact(
        "string", attrgetter("clock.weekday"), '"monday" to "sunday", in the policy\'s time zone'
    ),
}

HEADERS: Final = "request.headers"  # `request.headers["x-app"]`: text, "" where it was not sent
SECRET_HEADERS: Final = frozenset(
    ("authorization", "proxy-authorization", "cookie", "x-api-key", "x-goog-api-key", "api-key")
)

# `backend["name"].field`: read from (signals, name).
BACKEND_FACTS: Final[Mapping[str, tuple[Kind, Callable[[Signals, str], Any], str]]] = {
    "healthy": ("bool", lambda s, n: n in s.backends and s.backends[n].healthy, "it answers"),
    "in_flight": (
        "int",
        lambda s, n: s.backends[n].in_flight if n in s.backends else 0,
        "requests it works on",
    ),
    "queued": (
        "int",
        lambda s, n: s.backends[n].queued if n in s.backends else 0,
        "requests that wait for it",
    ),
    "wait_ms": (
        "int",
        lambda s, n: s.backends[n].wait_ms if n in s.backends else 0,
        "expected wait, milliseconds",
    ),
    "cost_usd": (
        "double",
        lambda s, n: s.backends[n].cost_pico / 1e12 if n in s.backends else 0.0,
        "expected cost of this request there, USD",
    ),
}


def success_of(signals: Signals, name: str) -> float:
    """P(success) of a backend; NaN where unknown, so that every comparison with it is false."""
    backend = signals.backends.get(name)
    return math.nan if backend is None or backend.success is None else backend.success
