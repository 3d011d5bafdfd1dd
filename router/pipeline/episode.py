"""One decision and what became of it: counted in metrics, written as one line of the log."""

import time
from types import TracebackType

from policies.decision import Decision, Denial
from policies.record import Outcome, to_record
from policies.signals import Hints, Signals
from router.domain import Charge
from router.pipeline.gateway import Gateway
from router.pipeline.snapshot import Snapshot


class Episode:
    """A block around everything that follows a decision; leaving it writes the line."""

    __slots__ = (
        "_answer",
        "_began",
        "_charge",
        "_gateway",
        "_hints",
        "_signals",
        "_world",
        "first",
    )

    def __init__(
        self,
        gateway: Gateway,
        world: Snapshot,
        signals: Signals,
        hints: Hints,
        answer: Decision | Denial,
    ) -> None:
        self._gateway = gateway
        self._world = world
        self._signals = signals
        self._hints = hints
        self._answer = answer
        self._began = time.perf_counter()
        self._charge: Charge | None = None
        self.first: float | None = None  # seconds to the first byte, once there was one

    def charged(self, charge: Charge) -> None:
        """Note what an admitted request came to."""
        self._charge = charge
        self._gateway.metrics.charged(charge)

    def __enter__(self) -> "Episode":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._gateway.decisions.on:
            return
        self._gateway.decisions.add(
            to_record(
                at_ms=time.time_ns() // 1_000_000,
                signals=self._signals,
                hints=self._hints,
                answer=self._answer,
                policy=self._world.policy.version,
                classifier=self._gateway.classifier.version,
                prices=self._world.prices.version,
                outcome=self._outcome(),
            )
        )

    def _outcome(self) -> Outcome | None:
        charge = self._charge
        if charge is None:
            return None
        usage = charge.usage
        return Outcome(
            backend=charge.backend or "",
            end=charge.outcome.value,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cached_tokens=usage.cached_tokens,
            cost_pico=charge.cost_pico,
            latency_ms=round((time.perf_counter() - self._began) * 1000),
            first_token_ms=None if self.first is None else round(self.first * 1000),
        )
