"""What a policy answers: backends in order, or a denial, each with its reason."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Status = Literal["denied", "no_candidates", "route_not_allowed", "unknown_model", "bad_hint"]


class Step(NamedTuple):
    """One thing that happened on the way to a decision.

    `kind` is rule, exclude, weights, sticky, judge or choose; `name` the rule or backend.
    """

    kind: str
    name: str
    detail: str


@dataclass(frozen=True, slots=True)
class Cascade:
    """Try `steps` in order until an answer passes every check of `verify`, and then `judge`."""

    steps: tuple[str, ...]
    verify: tuple[str, ...]
    judge: str | None = None


@dataclass(frozen=True, slots=True)
class Shadow:
    """Send a copy to `to`, its answer judged by `judge` and thrown away."""

    to: str
    judge: str | None


@dataclass(frozen=True, slots=True)
class Decision:
    """Backends to try, best first.

    `candidates` is never empty and always a part of `allowed`. `allowed` is what the hard
    constraints leave: fallback, cascade, shadow, audit and cache must stay within it.
    """

    route: str
    candidates: tuple[str, ...]
    allowed: frozenset[str]
    reason: str  # short printable ASCII: fit for a header
    objective: str
    success: Mapping[str, float] = field(default_factory=dict)  # of the candidates that have one
    cost_pico: Mapping[str, int] = field(default_factory=dict)  # expected, of the candidates
    rules: tuple[str, ...] = ()  # names of the rules that matched, in order
    trail: tuple[Step, ...] = ()
    cascade: Cascade | None = None
    shadow: Shadow | None = None
    propensity: float = 1.0  # P(this first candidate | these signals), under 1 only with weights

    @property
    def backend(self) -> str:
        """The first choice."""
        return self.candidates[0]


@dataclass(frozen=True, slots=True)
class Denial:
    """No backend may take this request; `message` is for the client, `reason` for headers, logs."""

    route: str
    status: Status
    reason: str
    message: str
    rules: tuple[str, ...] = ()
    trail: tuple[Step, ...] = ()
