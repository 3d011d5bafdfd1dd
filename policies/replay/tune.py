"""Search a route's thresholds against a log: the Pareto front, and the YAML to paste.

For each point the whole policy decides the same sample of records again, so rules, tiers and hard
constraints still apply; only the route's own thresholds differ.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from policies.decision import Decision
from policies.language.terms import Terms
from policies.money import to_pico, to_usd, usd
from policies.objectives import OBJECTIVES
from policies.policy import Policy
from policies.replay.record import Record

SAMPLE: Final = 1_500
_MIN_SUCCESS: Final = (0.3, 0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0)
_MAX_REGRET: Final = (0.0, 0.02, 0.05, 0.1, 0.2)
_FAILURE_USD: Final = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)


@dataclass(frozen=True, slots=True)
class Point:
    """One choice of thresholds: mean cost (USD) and mean P(success) of a served request."""

    settings: tuple[tuple[str, float], ...]
    cost_usd: float
    quality: float
    served: int

    @property
    def yaml(self) -> str:
        """What to write into the route."""
        values = dict(self.settings)
        if "failure_cost" in values:
            return f"objective: expected_cost\nfailure_cost: {usd(round(values['failure_cost']))}"
        inner = ", ".join(f"{name}: {value:g}" for name, value in self.settings)
        return f"capable: {{{inner}}}"


@dataclass(frozen=True, slots=True)
class Tuning:
    """The points that no other beats on both axes, by rising cost; the present one, the chosen."""

    route: str
    records: int  # of the log that this route serves
    sampled: int
    now: Point
    front: tuple[Point, ...]
    chosen: Point | None


class TuneError(ValueError):
    """There is nothing to tune; the text says why."""


def tune(
    policy: Policy,
    records: Iterable[Record],
    route: str,
    *,
    budget_usd: float | None = None,
    quality: float | None = None,
    progress: Callable[[float], None] = lambda done: None,
) -> Tuning:
    """Search the thresholds of `route`.

    `budget_usd` is for all requests of the route in the log: the best quality within it is chosen.
    With `quality` it is the least cost that reaches that mean P(success). Raises TuneError.
    """
    objective = policy.routes[route].terms.objective
    search = next((_SEARCHES[key] for key in OBJECTIVES[objective].reads if key in _SEARCHES), None)
    if search is None:
        raise TuneError(f"the objective of `{route}` is {objective}: it has no threshold")
    sample, count = _sample(policy, records, route)
    if not sample:
        raise TuneError(f"the log has no request of the route `{route}`")
    grid = list(search.grid())
    points: list[Point] = []
    for index, settings in enumerate(grid):
        points.append(_point(policy.with_route_terms(route, settings), sample, settings))
        progress((index + 1) / len(grid))
    front = _pareto([p for p in points if p.served])
    mean_budget = None if budget_usd is None else budget_usd / count
    return Tuning(
        route=route,
        records=count,
        sampled=len(sample),
        now=_point(policy, sample, search.present(policy.routes[route].terms)),
        front=front,
        chosen=_choose(front, mean_budget, quality),
    )


def _sample(policy: Policy, records: Iterable[Record], route: str) -> tuple[list[Record], int]:
    """Evenly spaced records of the route, SAMPLE to twice as many, and how many there were."""
    sample: list[Record] = []
    count, step = 0, 1
    for record in records:
        if policy.resolve(record.signals.request.model) == route:
            if count % step == 0:
                sample.append(record)
            count += 1
            if len(sample) > 2 * SAMPLE:
                del sample[1::2]
                step *= 2
    return sample, count


def _capable_grid() -> Iterator[dict[str, float]]:
    for min_success in _MIN_SUCCESS:
        for max_regret in _MAX_REGRET:
            yield {"min_success": min_success, "max_regret": max_regret}


def _failure_grid() -> Iterator[dict[str, float]]:
    for amount in _FAILURE_USD:
        yield {"failure_cost": float(to_pico(amount))}


def _present_capable(terms: Terms) -> dict[str, float]:
    settings: dict[str, float] = {"max_regret": terms.max_regret}
    return settings if terms.min_success is None else {"min_success": terms.min_success} | settings


def _present_failure(terms: Terms) -> dict[str, float]:
    return {"failure_cost": float(terms.failure_cost)}


class _Search(NamedTuple):
    """How a setting that an objective reads is searched, and its present values."""

    grid: Callable[[], Iterator[dict[str, float]]]
    present: Callable[[Terms], dict[str, float]]


_SEARCHES: Final[Mapping[str, _Search]] = {
    "capable": _Search(_capable_grid, _present_capable),
    "failure_cost": _Search(_failure_grid, _present_failure),
}


def _point(policy: Policy, sample: Sequence[Record], settings: dict[str, Any]) -> Point:
    cost, quality, known, served = 0, 0.0, 0, 0
    for record in sample:
        answer = policy.decide(record.signals, record.hints)
        if isinstance(answer, Decision):
            served += 1
            cost += answer.cost_pico[answer.backend]
            probability = answer.success.get(answer.backend)
            if probability is not None:
                known += 1
                quality += probability
    return Point(
        tuple(settings.items()), to_usd(cost) / max(served, 1), quality / max(known, 1), served
    )


def _pareto(points: Sequence[Point]) -> tuple[Point, ...]:
    front: list[Point] = []
    for point in sorted(points, key=lambda p: (p.cost_usd, -p.quality)):
        if not front or point.quality > front[-1].quality:
            front.append(point)
    return tuple(front)


def _choose(front: Sequence[Point], budget: float | None, quality: float | None) -> Point | None:
    """The best point within the budget, or the cheapest of this quality. `front` rises in both."""
    if budget is not None:
        within = [p for p in front if p.cost_usd <= budget]
        return within[-1] if within else None
    if quality is not None:
        return next((p for p in front if p.quality >= quality), None)
    return None
