"""Where requests are traced: each gets a place in its caller's trace, or begins one.

One object has all that tracing needs: it begins traces, and its observer ends them.
"""

import random
from typing import Final

from router.backends.dispatch.trace import Trace
from router.operations.operation import Operation
from router.pipeline.caller import Caller
from router.pipeline.observers.observer import Observer
from router.pipeline.observers.spans import SCHEMA
from router.pipeline.observers.traces import traces_requests
from router.telemetry.traces.context import (
    DRAWN_BITS,
    RANDOM,
    SAMPLED,
    TRACEPARENT,
    Bits,
    parse_traceparent,
)
from router.telemetry.traces.extra import SpanSink, open_spans
from router.telemetry.traces.sampling import Sampling
from router.world.config import TraceSection

_HEADER: Final = TRACEPARENT.encode()
_LAST: Final = (1 << DRAWN_BITS) - 1
_DRAWN: Final = RANDOM | SAMPLED


class Tracing:
    """Begins traces; `sampling` says which are kept, and their spans go to `sink`.

    `joins`: a request's `traceparent` is honoured, else each request begins a trace of its own.
    `bits` makes ids.
    """

    __slots__ = ("_below", "_bits", "_joins", "_sampling", "sink")

    def __init__(
        self,
        sampling: Sampling,
        sink: SpanSink,
        *,
        joins: bool = True,
        bits: Bits = random.getrandbits,
    ) -> None:
        self._sampling = sampling
        self._below = sampling.below
        self._joins = joins
        self._bits = bits
        self.sink = sink

    def begin(self, caller: Caller, operation: Operation) -> Trace:
        """Return the notes of a request that came just now."""
        sent = caller.fields.get(_HEADER)
        if sent is not None and self._joins:
            parent = parse_traceparent(sent)
            if parent is not None:
                return Trace(operation, parent.trace_id, parent.flags, parent, self._bits)
        trace_id = self._bits(128) or 1
        flags = _DRAWN if trace_id & _LAST < self._below else RANDOM
        return Trace(operation, trace_id, flags, None, self._bits)

    def observer(self) -> Observer:
        """Return the observer that makes the spans of those that are kept."""
        return traces_requests(self.sink, self._sampling)

    def close(self) -> None:
        """Send what waits; blocks for a few seconds at most."""
        self.sink.close()


def open_tracing(section: TraceSection | None, worker: int | None) -> Tracing | None:
    """Begin to send traces as configured; None where none are. `worker` is our number, if any.

    Raises ModuleNotFoundError where the libraries are not installed: a document that passed its
    checks never comes to that.
    """
    if section is None:
        return None
    sink = open_spans(
        section.to,
        service=section.service,
        schema=SCHEMA,
        headers={name: text.get_secret_value() for name, text in section.headers.items()},
        worker=worker,
    )
    sampling = Sampling(section.sample, per_minute=section.failed_per_minute, slow=section.slow)
    return Tracing(sampling, sink, joins=section.join)
