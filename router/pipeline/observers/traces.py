"""Making the spans of each request that is kept, after it."""

import time
from collections.abc import Callable

from router.errors import TurnoutError
from router.pipeline.observers.observer import Finished, Observer
from router.pipeline.observers.spans import ATTEMPT, REQUEST
from router.pipeline.observers.traced import Request, try_of
from router.telemetry.traces.context import SAMPLED, TraceContext
from router.telemetry.traces.extra import SpanSink
from router.telemetry.traces.sampling import Kept, Sampling
from router.telemetry.traces.span import SpanRecord, tell


def traces_requests(
    sink: SpanSink,
    sampling: Sampling,
    *,
    clock: Callable[[], float] = time.monotonic,
    now_ns: Callable[[], int] = time.time_ns,
) -> Observer:
    """Return the observer that makes the spans; `now_ns` is Unix time in nanoseconds."""
    slow = sampling.slow

    def observe(finished: Finished) -> None:
        trace = finished.trace
        if trace is None:
            return
        if trace.flags & SAMPLED:
            kept: Kept | None = Kept.SHARE if trace.parent is None else Kept.CALLER
        elif trace.faulty or finished.error is not None or finished.seconds >= slow:
            failed = trace.faulty or is_fault(finished.error)
            kept = sampling.late(failed=failed, seconds=finished.seconds)
        else:
            return  # mostly
        if kept is not None:
            sink.add(spans_of(Request(finished, trace, kept, clock(), now_ns())))

    return observe


def is_fault(error: BaseException | None) -> bool:
    """Return whether an error is ours, or a backend's: not the client's, who may also leave."""
    if isinstance(error, TurnoutError):
        return error.status >= 500
    return isinstance(error, Exception)


def spans_of(request: Request) -> list[SpanRecord]:
    """Return every span of a request, its own first."""
    trace = request.trace
    own = TraceContext(trace.trace_id, trace.bits(64) or 1, trace.flags)
    spans = [tell(REQUEST, request, own, trace.parent, request.unix_ns)]
    for number, attempt in enumerate(trace.attempts, 1):
        context = TraceContext(trace.trace_id, attempt.span_id, trace.flags)
        one = try_of(request, attempt, number)
        spans.append(tell(ATTEMPT, one, context, own, request.unix_ns))
    return spans
