"""The one measure of what a decision costs and how good it is, for every command over a log.

A log holds no answer of a backend that was not asked, so nobody knows how many tokens that would
have written or found in a cache. What is known of every backend alike is the cost expected when the
record was decided: its price then, the prompt's estimated size, the answer it usually gives. So a
decision costs what it was *expected* to, times what the backend's own answers in the same log
*really* cost over what was expected of them; where it was never asked, what those of all others
did. The real cost is the bill's, so cached tokens, steps of long prompts, longer answers and fees
are in it.

A cascade costs each step as often as it is reached, and a check of every answer but the last; it
succeeds where any step does. As in the objective `expected_cost`, a check is taken to find every
failure.
"""

from collections.abc import Mapping
from typing import NamedTuple

from policies.decision import Decision
from policies.money import to_usd
from policies.replay.record import Record, RecordedOutcome


class Plan(NamedTuple):
    """What a decision means to ask, before anything was asked.

    `spent` is the expected cost at each backend in pico-USD, as often as it is reached; `checks`
    is what a cascade's checks cost. `success` is P(success), None where it is not known.
    """

    backend: str
    spent: tuple[tuple[str, float], ...]
    success: float | None
    steps: tuple[str, ...] = ()
    checks: float = 0


def plan_of(decision: Decision) -> Plan:
    """What a decision means to ask: its first choice, or the steps of its cascade."""
    backend = decision.candidates[0]
    if decision.cascade is not None:
        return _cascade(decision, decision.cascade.steps, decision.cascade.verifier_pico)
    spent = ((backend, decision.cost_pico[backend]),)
    return Plan(backend, spent, decision.success.get(backend))


def _cascade(decision: Decision, steps: tuple[str, ...], check: int) -> Plan:
    reached, checks, known = 1.0, 0.0, False
    spent: list[tuple[str, float]] = []
    for step in steps:
        spent.append((step, reached * decision.cost_pico[step]))
        checks += reached * check if step != steps[-1] else 0
        success = decision.success.get(step)
        known = known or success is not None
        reached *= 1.0 - (success or 0.0)
    return Plan(steps[0], tuple(spent), 1.0 - reached if known else None, steps, checks)


class Yardstick:
    """What backends really cost and how long they took, from the outcomes in a log."""

    __slots__ = ("_all_cost", "_all_expected", "_cost", "_expected", "_latency", "total_pico")

    def __init__(self) -> None:
        self.total_pico = self._all_cost = self._all_expected = 0
        self._cost: dict[str, int] = {}
        self._expected: dict[str, int] = {}
        self._latency: dict[str, tuple[int, int]] = {}

    def add(self, record: Record) -> None:
        """Count one record's outcome, if it has one."""
        outcome = record.outcome
        if outcome is None or not outcome.backend:
            return
        name = outcome.backend
        self.total_pico += outcome.cost_pico
        signals = record.signals.backends.get(name)
        if signals is not None and outcome.end == "completed" and _is_own_bill(record, outcome):
            cost = outcome.cost_pico - outcome.beside_pico
            self._cost[name] = self._cost.get(name, 0) + cost
            self._expected[name] = self._expected.get(name, 0) + signals.cost_pico
            self._all_cost += cost
            self._all_expected += signals.cost_pico
        if outcome.latency_ms is not None:
            total, count = self._latency.get(name, (0, 0))
            self._latency[name] = (total + outcome.latency_ms, count + 1)

    def ratio(self, backend: str) -> float:
        """Real cost over expected cost, of all backends together where the log has no answer of
        this one: its would be as short. 1 where it has none at all.
        """
        expected = self._expected.get(backend)
        if expected:
            return self._cost[backend] / expected
        return self._all_cost / self._all_expected if self._all_expected else 1.0

    def pico(self, plan: Plan) -> float:
        """What a plan costs in pico-USD, by what was counted so far."""
        pico = plan.checks
        for name, cost in plan.spent:
            pico += cost * self.ratio(name)
        return pico

    def dollars(self, spent: Mapping[str, float], checks: float) -> float:
        """What sums of plans cost in USD: expected cost by backend, and that of checks."""
        return to_usd(checks + sum(cost * self.ratio(name) for name, cost in spent.items()))

    def latency_ms(self, chosen: Mapping[str, int]) -> float | None:
        """Mean latency of a mix of backends; None where the log has none of them."""
        known = {name: count for name, count in chosen.items() if name in self._latency}
        requests = sum(known.values())
        if not requests:
            return None
        means = {name: self._latency[name][0] / self._latency[name][1] for name in known}
        return sum(count * means[name] for name, count in known.items()) / requests


def _is_own_bill(record: Record, outcome: RecordedOutcome) -> bool:
    """Whether the answer's cost can be told from what was paid for beside it: logs that were
    written before `beside_pico` do not say it where a cascade passed an answer over.
    """
    return not record.steps or outcome.backend == record.backend or outcome.beside_pico > 0
