"""Sums over replayed records. Sums of several groups can be added up."""

from dataclasses import dataclass, field

from policies.decision import Decision
from policies.replay.estimates import Blocks
from policies.replay.record import Record


@dataclass(slots=True)
class Tally:
    """Sums of one group of records."""

    requests: int = 0
    denied: int = 0
    refused: int = 0
    kept: int = 0  # the record's own backend is chosen again
    expected_pico: dict[str, int] = field(default_factory=dict)  # by chosen backend
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

    def serve(self, record: Record, decision: Decision, block: int) -> None:
        """Count a request that is served."""
        backend = decision.candidates[0]
        self.requests += 1
        self.chosen[backend] = self.chosen.get(backend, 0) + 1
        spent = self.expected_pico.get(backend, 0)
        self.expected_pico[backend] = spent + decision.cost_pico[backend]
        probability = decision.success.get(backend)
        if probability is not None:
            self.predicted.add(block, probability)
        if backend == record.backend:
            self.kept += 1
            outcome = record.outcome
            if outcome is not None and outcome.success is not None and outcome.backend == backend:
                self.observed.add(block, float(outcome.success))

    def merge(self, other: "Tally") -> None:
        """Add another group's sums."""
        self.requests += other.requests
        self.denied += other.denied
        self.refused += other.refused
        self.kept += other.kept
        for mine, theirs in (
            (self.expected_pico, other.expected_pico),
            (self.chosen, other.chosen),
            (self.denials, other.denials),
        ):
            for name, count in theirs.items():
                mine[name] = mine.get(name, 0) + count
        self.predicted.merge(other.predicted)
        self.observed.merge(other.observed)
