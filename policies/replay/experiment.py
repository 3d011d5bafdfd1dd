"""The result of a canary or an A/B test, from a decision log; `weights` drew between its arms.

A record counts if its backend was drawn (propensity below 1) and really served it. It weighs
1 / propensity, so that arms stay comparable while their weights are changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from zlib import crc32

from policies.money import to_usd
from policies.replay.estimates import BLOCKS, Blocks, Interval
from policies.replay.record import Record

ENOUGH: Final = 30  # judged answers; from fewer, the success of an arm is not estimated


@dataclass(frozen=True, slots=True)
class Arm:
    """One backend of the draw; means with 95 % intervals over conversations."""

    requests: int
    cost_usd: Interval
    latency_ms: Interval
    success: Interval
    judged: int


@dataclass(slots=True)
class _Sums:
    requests: int = 0
    cost: Blocks = field(default_factory=Blocks)
    latency: Blocks = field(default_factory=Blocks)
    success: Blocks = field(default_factory=Blocks)
    judged: int = 0


class Experiment:
    """Takes records one by one, and then tells the arms."""

    def __init__(self) -> None:
        self._arms: dict[tuple[str, str], _Sums] = {}

    def add(self, record: Record) -> None:
        """Count a record, if it was drawn and served by the backend drawn."""
        outcome = record.outcome
        if record.propensity >= 1.0 or outcome is None or outcome.backend != record.backend:
            return
        sums = self._arms.setdefault((record.route, record.backend), _Sums())
        block = crc32((record.signals.request.conversation or record.id).encode()) % BLOCKS
        weight = 1.0 / record.propensity
        sums.requests += 1
        sums.cost.add(block, to_usd(outcome.cost_pico), weight)
        if outcome.latency_ms is not None:
            sums.latency.add(block, outcome.latency_ms, weight)
        if outcome.success is not None:
            sums.judged += 1
            sums.success.add(block, float(outcome.success), weight)

    def arms(self) -> Mapping[str, Mapping[str, Arm]]:
        """Route -> backend -> arm."""
        arms: dict[str, dict[str, Arm]] = {}
        for (route, backend), sums in sorted(self._arms.items()):
            arms.setdefault(route, {})[backend] = Arm(
                requests=sums.requests,
                cost_usd=sums.cost.interval(),
                latency_ms=sums.latency.interval(),
                success=sums.success.interval(at_least=ENOUGH),
                judged=sums.judged,
            )
        return arms
