"""How a backend is chosen: one row an objective, each total and deterministic.

An objective orders options that may all serve the request. Nothing assumes that a dearer backend
is a better one. Ties keep the order in which the policy lists the candidates.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from operator import attrgetter
from typing import Final, NamedTuple

from policies.language.terms import CascadeTerms, Terms
from policies.money import to_usd, usd_rounded

_MAX_CASCADE_OPTIONS: Final = 5  # the best single ones; keeps the search under 200 sequences

_TOLERANCE: Final = 1e-9  # 0.85 - 0.05 is a little under 0.8


class Option(NamedTuple):
    """A backend that may serve: P(success) or None where unknown, expected cost in pico-USD."""

    name: str
    success: float | None
    cost: int


class Ranking(NamedTuple):
    """Names best first, why the first is first, and the cascade's steps where one is planned."""

    order: tuple[str, ...]
    reason: str
    steps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Objective:
    """One row: how it ranks, and what it takes for that.

    `reads` are the settings that mean something only to objectives that list them; `needs` is one
    of them that must be given, and what to write where it is missing. `scored`: it goes by
    P(success), so a route with a choice needs the classifier.
    """

    rank: Callable[[Sequence[Option], Terms], Ranking]
    reads: tuple[str, ...]
    scored: bool = True
    needs: tuple[str, str] | None = None


def rank(options: Sequence[Option], terms: Terms) -> Ranking:
    """Order options (at least one) by the objective in force; UNKNOWN has its own order."""
    objective = OBJECTIVES[terms.objective]
    if objective.scored and not any(map(_is_known, options)):
        return _unknown(options, terms)
    return objective.rank(options, terms)


def _unknown(options: Sequence[Option], terms: Terms) -> Ranking:
    """No probability at all: the policy's `when_unknown`, else the last candidate listed."""
    names = [option.name for option in options]
    chosen = terms.when_unknown if terms.when_unknown in names else names[-1]
    rest = [name for name in names if name != chosen]
    return Ranking((chosen, *rest), f"when_unknown: {chosen}, no success probabilities")


def cheapest_capable(options: Sequence[Option], terms: Terms) -> Ranking:
    """Least expected cost among those capable; then the others, most able first."""
    chances = list(map(_success, options))
    if None in chances:
        chances = [-2.0 if chance is None else chance for chance in chances]
    best = max(chances)
    floor = capable_floor(best, terms)
    capable: list[Option] = []
    rest: list[Option] = []
    for option, chance in zip(options, chances, strict=True):
        if chance >= floor:
            capable.append(option)
        else:
            rest.append(option)
    if len(capable) > 1:
        capable.sort(key=_cost)
    if len(rest) > 1:
        rest.sort(key=_p, reverse=True)
    first = capable[0]
    reason = f"cheapest_capable: {first.name} {_because(_p(first), best, terms)}"
    steps = () if terms.cascade is None else _escalation(capable, rest, terms.cascade)
    return Ranking(tuple(map(_name, capable + rest)), reason, steps)


def capable_floor(best: float, terms: Terms) -> float:
    """The least P(success) that counts as capable where the best candidate has `best`."""
    floor = best - terms.max_regret - _TOLERANCE
    return floor if terms.min_success is None else min(floor, terms.min_success)


def _because(p: float, best: float, terms: Terms) -> str:
    if terms.min_success is not None and p >= terms.min_success:
        return f"p={p:.2f} >= {terms.min_success:.2f}"
    if p >= best:
        return f"p={p:.2f} is the best there is"
    return f"p={p:.2f} within {terms.max_regret:.2f} of the best p={best:.2f}"


def _escalation(
    capable: Sequence[Option], rest: Sequence[Option], cascade: CascadeTerms
) -> tuple[str, ...]:
    """First choice, then each abler one in order of cost, up to the cascade's length."""
    steps = [capable[0]]
    for option in sorted((*capable[1:], *rest), key=lambda o: o.cost):
        if len(steps) < cascade.max_steps and _p(option) > _p(steps[-1]):
            steps.append(option)
    return tuple(step.name for step in steps) if len(steps) > 1 else ()


def expected_cost(options: Sequence[Option], terms: Terms) -> Ranking:
    """Least price plus what a failure costs, over single backends and over cascades."""
    totals = {o.name: _expected((o,), terms) for o in options}
    singles = sorted(options, key=lambda o: totals[o.name])
    best: tuple[Option, ...] = (singles[0],)
    total = totals[singles[0].name]
    if terms.cascade is not None:
        for length in range(2, terms.cascade.max_steps + 1):
            for steps in permutations(singles[:_MAX_CASCADE_OPTIONS], length):
                if (expected := _expected(steps, terms)) < total:
                    best, total = steps, expected
    planned = tuple(step.name for step in best)
    order = (*planned, *(o.name for o in singles if o.name not in planned))
    shown = " then ".join(planned)
    reason = f"expected_cost: {shown} p={_p(best[0]):.2f} expects {usd_rounded(to_usd(total))} USD"
    return Ranking(order, reason, planned if len(planned) > 1 else ())


def _expected(steps: Sequence[Option], terms: Terms) -> float:
    """c1 + v + (1 - p1) (c2 + (1 - p2) failure_cost), and so on; the last answer goes unchecked."""
    verifier = terms.cascade.verifier_cost if terms.cascade is not None else 0
    total = 0.0
    reached = 1.0
    for index, step in enumerate(steps):
        checked = verifier if index < len(steps) - 1 else 0
        total += reached * (step.cost + checked)
        reached *= 1.0 - max(_p(step), 0.0)
    return total + reached * terms.failure_cost


def best_quality(options: Sequence[Option], terms: Terms) -> Ranking:
    """Highest P(success); `max_cost` has taken out what is too dear. Ties: cheaper first."""
    order = sorted(options, key=lambda o: (-_p(o), o.cost))
    first = order[0]
    names = tuple(o.name for o in order)
    return Ranking(names, f"best_quality: {first.name} p={_p(first):.2f}")


def fixed(options: Sequence[Option], terms: Terms) -> Ranking:
    """The one the policy names, the others behind it as fallback in the order listed."""
    if len(options) == 1:
        chosen = options[0].name
        return Ranking((chosen,), f"fixed: {chosen}")
    names = [option.name for option in options]
    chosen = terms.fixed if terms.fixed in names else names[0]
    return Ranking((chosen, *(n for n in names if n != chosen)), f"fixed: {chosen}")


_name = attrgetter("name")
_success = attrgetter("success")
_cost = attrgetter("cost")


def _is_known(option: Option) -> bool:
    return option.success is not None


def _p(option: Option) -> float:
    """P(success) for ordering: a backend without one comes last."""
    return -2.0 if option.success is None else option.success


OBJECTIVES: Final[Mapping[str, Objective]] = {
    "cheapest_capable": Objective(cheapest_capable, reads=("capable", "cascade")),
    "expected_cost": Objective(
        expected_cost,
        reads=("failure_cost", "cascade"),
        needs=(
            "failure_cost",
            "say what a failed answer costs you, in USD: failure_cost: 0.05",
        ),
    ),
    "best_quality": Objective(best_quality, reads=()),
    "fixed": Objective(fixed, reads=("fixed",), scored=False),
}
