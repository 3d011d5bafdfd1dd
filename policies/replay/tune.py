"""Search a route's thresholds against a log: the Pareto front, and the YAML to paste.

For each point the whole policy decides the same sample of records again, so rules, tiers and hard
constraints still apply; only the route's own thresholds differ. The points that no other beats are
then replayed over the whole log, 429s and all: their figures are those that `replay` tells of the
same thresholds, to the last digit.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from policies.decision import Decision
from policies.language.terms import Terms
from policies.money import to_pico, usd
from policies.objectives import OBJECTIVES
from policies.policy import Policy
from policies.replay.record import Record
from policies.replay.replay import Replay, ReplayRow, row_of
from policies.replay.tally import Tally
from policies.replay.yardstick import Yardstick, plan_of

SAMPLE: Final = 1_500
_MIN_SUCCESS: Final = (0.3, 0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0)
_MAX_REGRET: Final = (0.0, 0.02, 0.05, 0.1, 0.2)
_FAILURE_USD: Final = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)


@dataclass(frozen=True, slots=True)
class Point:
    """One choice of thresholds: mean cost and mean P(success) of a served request, and the cost of
    all that are served. P(success) is None where it is not known of any.
    """

    settings: tuple[tuple[str, float], ...]
    cost_usd: float
    total_usd: float
    quality: float | None
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
    read: Callable[[], Iterable[Record]],
    route: str,
    *,
    budget_usd: float | None = None,
    quality: float | None = None,
    sample_size: int = SAMPLE,
    progress: Callable[[float], None] = lambda done: None,
) -> Tuning:
    """Search the thresholds of `route`; `read` reads the log, which is done twice.

    `budget_usd` is for all requests of the route in the log: the best quality within it is chosen.
    With `quality` it is the least cost that reaches that mean P(success). Raises TuneError.
    """
    objective = policy.routes[route].terms.objective
    search = next((_SEARCHES[key] for key in OBJECTIVES[objective].reads if key in _SEARCHES), None)
    if search is None:
        raise TuneError(f"the objective of `{route}` is {objective}: it has no threshold")
    sample, present = _sample(policy, read(), route, sample_size)
    if not sample:
        raise TuneError(f"the log has no request of the route `{route}`")
    grid = list(search.grid())
    tried: list[Point] = []
    for index, settings in enumerate(grid):
        tried.append(_estimate(policy, route, settings, sample, present.yardstick))
        progress((index + 1) / len(grid))
    now = present.row("route", route)
    front = _pareto(_replayed(policy, route, _pareto(tried), read()))
    return Tuning(
        route=route,
        records=now.requests,
        sampled=len(sample),
        now=_point(search.present(policy.routes[route].terms), now),
        front=front,
        chosen=_choose(front, budget_usd, quality),
    )


def _sample(
    policy: Policy, records: Iterable[Record], route: str, size: int
) -> tuple[list[Record], Replay]:
    """Evenly spaced records of the route, `size` to twice as many, and the replay of the log."""
    sample: list[Record] = []
    count, step = 0, 1
    replay = Replay(policy, compared=False)
    for record in records:
        if replay.feed(record).answer.route == route:
            if count % step == 0:
                sample.append(record)
            count += 1
            if len(sample) > 2 * size:
                del sample[1::2]
                step *= 2
    return sample, replay


def _estimate(
    policy: Policy,
    route: str,
    settings: dict[str, float],
    sample: Sequence[Record],
    yardstick: Yardstick,
) -> Point:
    """What the settings come to on a sample, without 429s."""
    subject, tally = policy.with_route_terms(route, settings), Tally()
    for record in sample:
        answer = subject.decide(record.signals, record.hints)
        if isinstance(answer, Decision):
            tally.serve(record, plan_of(answer), 0)
    return _point(settings, row_of(tally, yardstick))


def _replayed(
    policy: Policy, route: str, points: Sequence[Point], records: Iterable[Record]
) -> list[Point]:
    """The same settings over the whole log."""
    runs = [
        (settings, Replay(policy.with_route_terms(route, settings), compared=False))
        for settings in (dict(point.settings) for point in points)
    ]
    for record in records:
        for _, run in runs:
            run.feed(record)
    return [_point(settings, run.row("route", route)) for settings, run in runs]


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


def _point(settings: Mapping[str, float], row: ReplayRow) -> Point:
    return Point(
        settings=tuple(settings.items()),
        cost_usd=row.request_usd,
        total_usd=row.cost_usd,
        quality=row.quality.mean,
        served=row.served,
    )


def _pareto(points: Iterable[Point]) -> tuple[Point, ...]:
    """Those that serve anything and that no other beats, by rising cost."""
    front: list[Point] = []
    for point in sorted(points, key=lambda p: (p.cost_usd, -_known(p))):
        if point.served and (not front or _known(point) > _known(front[-1])):
            front.append(point)
    return tuple(front)


def _choose(front: Sequence[Point], budget: float | None, quality: float | None) -> Point | None:
    """The best point within the budget, or the cheapest of this quality. `front` rises in both."""
    if budget is not None:
        within = [p for p in front if p.total_usd <= budget]
        return within[-1] if within else None
    if quality is not None:
        return next((p for p in front if _known(p) >= quality), None)
    return None


def _known(point: Point) -> float:
    """The quality of a point, for comparing; one of which nothing is known comes last."""
    return -1.0 if point.quality is None else point.quality
