"""Sums over replayed records. Sums of several groups can be added up."""

from dataclasses import dataclass, field

from policies.replay.estimates import Blocks
from policies.replay.record import Record
from policies.replay.yardstick import Plan


@dataclass(slots=True)
class Tally:
    """Sums of one group of records."""

    requests: int = 0
    denied: int = 0
    refused: int = 0
    kept: int = 0  # the record's own backend is chosen again
    spent: dict[str, float] = field(default_factory=dict)  # expected pico-USD by backend
    checks: float = 0  # expected pico-USD of what cascades check
    chosen: dict[str, int] = field(default_factory=dict)
    predicted: Blocks = field(default_factory=Blocks)
    observed: Blocks = field(default_factory=Blocks)
    denials: dict[str, int] = field(default_factory=dict)  # by reason

    def deny(self, reason: str) -> None:
        """Count a request that the policy turns away."""
        self.requests += 1
        self.denied += 1
        self.denials[reason] = self.denials.get(reason, 0) + 1

    def refuse(self) -> None:
        """Count a request that gets a 429."""
        self.requests += 1
        self.refused += 1

    def serve(self, record: Record, plan: Plan, block: int) -> None:
        """Count a request that is served."""
        backend = plan.backend
        self.requests += 1
        self.chosen[backend] = self.chosen.get(backend, 0) + 1
        for name, pico in plan.spent:
            self.spent[name] = self.spent.get(name, 0) + pico
        self.checks += plan.checks
        if plan.success is not None:
            self.predicted.add(block, plan.success)
        if backend == record.backend:
            self.kept += 1
            outcome = record.outcome
            if outcome is not None and outcome.success is not None and _tells(record, plan):
                self.observed.add(block, float(outcome.success))

    def merge(self, other: "Tally") -> None:
        """Add another group's sums."""
        self.requests += other.requests
        self.denied += other.denied
        self.refused += other.refused
        self.kept += other.kept
        for mine, theirs in (
            (self.chosen, other.chosen),
            (self.denials, other.denials),
        ):
            for name, count in theirs.items():
                mine[name] = mine.get(name, 0) + count
        for name, pico in other.spent.items():
            self.spent[name] = self.spent.get(name, 0) + pico
        self.checks += other.checks
        self.predicted.merge(other.predicted)
        self.observed.merge(other.observed)


def _tells(record: Record, plan: Plan) -> bool:
    """Whether a judged answer shows how good the plan is: it came as the plan would have it come.

    Of another cascade, or none, only the answers that passed a check would be seen.
    """
    served = record.outcome.backend if record.outcome is not None else ""
    return record.steps == plan.steps and served in (plan.steps or (plan.backend,))
