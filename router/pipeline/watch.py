"""The block around everything that follows a decision; leaving it tells the observers."""

import time
from collections.abc import Iterable
from types import TracebackType

from policies.decision import Decision, Denial
from policies.signals import Signals
from router.backends.dialects.translated import DROPPED
from router.backends.dispatch.trace import Trace
from router.backends.dispatch.upstream import Upstream
from router.domain import Outcome
from router.errors import TurnoutError
from router.pipeline.meter import Meter
from router.pipeline.observers.observer import Finished, Observer, tell
from router.pipeline.request_context import RequestContext


class Watch:
    """Keeps what the corridor hands it, and makes one frozen record of it at the end."""

    __slots__ = (
        *("_began", "_context", "_decision", "_observers", "_signals", "_trace"),
        *("kept", "meter", "upstream"),
    )

    def __init__(
        self,
        observers: Iterable[Observer],
        context: RequestContext,
        signals: Signals,
        decision: Decision | Denial,
        trace: Trace | None = None,
    ) -> None:
        self._observers = observers
        self._context = context
        self._signals = signals
        self._decision = decision
        self._trace = trace
        self._began = time.perf_counter()
        self.meter: Meter | None = None
        self.upstream: Upstream | None = None  # whose answer is being given
        self.kept: bytes | None = b""  # of the answer, for an audit; None where a quota ended it

    def __enter__(self) -> "Watch":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        tell(self._observers, self.finished(error))
        if self._trace is not None:
            self._trace.over()

    def turned(self, decision: Decision, meter: Meter) -> None:
        """Note that another decision took the place of the first."""
        self._decision = decision
        self.meter = meter

    def finished(self, error: BaseException | None = None) -> Finished:
        """Return the record of what happened; `error` is what ended it early."""
        upstream = self.upstream
        charge = None if self.meter is None else self.meter.final
        seconds = time.perf_counter() - self._began
        if upstream is None:
            return Finished(
                self._context, self._signals, self._decision, charge, "", (), False, False, b"",
                None, seconds, error, self._trace, "", 0,
                error.tries if isinstance(error, TurnoutError) else (),
            )  # fmt: skip
        return Finished(
            self._context,
            self._signals,
            self._decision,
            charge,
            upstream.backend.name,
            upstream.billed,
            upstream.passed,
            charge is not None and charge.outcome is Outcome.COMPLETED and self.kept is not None,
            self.kept or b"",
            upstream.first_byte_seconds,
            seconds,
            error,
            self._trace,
            dict(upstream.headers).get(DROPPED, "") if upstream.headers else "",
            upstream.unseen,
            upstream.failures,
        )
