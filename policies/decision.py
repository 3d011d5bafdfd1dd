"""What a policy answers: backends in order, or a denial, each with its reason."""

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Literal, NamedTuple

from policies.redaction import Redaction
from policies.value import value

Status = Literal["denied", "no_candidates", "route_not_allowed", "unknown_model", "bad_hint"]


class TrailStep(NamedTuple):
    """One thing that happened on the way to a decision.

    `kind` is rule, exclude, weights, sticky, judge or choose; `name` the rule or backend.
    """

    kind: str
    name: str
    detail: str


# Backends that a hard constraint took out: the route's candidates in order, what was allowed
# before, what is allowed after, and why.
Narrowing = tuple[tuple[str, ...], frozenset[str], frozenset[str], str]
Note = tuple[str, str, str] | Narrowing


def trail_of(notes: Sequence[Note]) -> tuple[TrailStep, ...]:
    """Return notes as steps. Serving only takes notes; steps are made when somebody reads them."""
    steps: list[TrailStep] = []
    for note in notes:
        if len(note) == 3:
            steps.append(TrailStep(*note))
        else:
            order, before, after, why = note
            gone = before - after
            steps += [TrailStep("exclude", name, why) for name in order if name in gone]
    return tuple(steps)


@value
class CascadeSteps:
    """Try `steps` in order until an answer passes every check of `verify`, and then `judge`."""

    steps: tuple[str, ...]
    verify: tuple[str, ...]
    judge: str | None = None
    verifier_pico: int = 0  # what one check is expected to cost


@value
class Shadow:
    """Send a copy to `to`, its answer judged by `judge` and thrown away."""

    to: str
    judge: str


@value
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
    notes: tuple[Note, ...] = ()
    cascade: CascadeSteps | None = None
    shadow: Shadow | None = None
    propensity: float = 1.0  # P(this first candidate | these signals), under 1 only with weights
    redact: Redaction | None = None  # of what leaves; None: it goes as it came

    @property
    def backend(self) -> str:
        """The first choice."""
        return self.candidates[0]

    @property
    def trail(self) -> tuple[TrailStep, ...]:
        """What happened on the way, in order."""
        return trail_of(self.notes)


@value
class Denial:
    """No backend may take this request; `message` is for the client, `reason` for headers, logs."""

    route: str
    status: Status
    reason: str
    message: str
    rules: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()

    @property
    def trail(self) -> tuple[TrailStep, ...]:
        """What happened on the way, in order."""
        return trail_of(self.notes)
