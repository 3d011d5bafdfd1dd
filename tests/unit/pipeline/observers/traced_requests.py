"""Finished requests with their tries, and the spans that come of them."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fakes.caller import FakeCaller
from fakes.clock import FakeClock
from fakes.corridor import CHAT
from fakes.finished import SCORED, finished_of
from fakes.world import new_world

from router.ask import Ask
from router.backends.backend import Deployment
from router.backends.dispatch.trace import Trace
from router.domain import Usage
from router.operations.operation import Operation
from router.pipeline.observers.observer import Finished
from router.pipeline.observers.traces import traces_requests
from router.protocols.passage import Ending
from router.telemetry.traces.context import SAMPLED, TraceContext
from router.telemetry.traces.sampling import Sampling
from router.telemetry.traces.span import SpanRecord

WORLD = new_world(SCORED)
CALLER = TraceContext(7, 9, SAMPLED)
NOW, NOW_NS = 1_000.0, 1_700_000_000_000_000_000
ENDING = Ending("c-1", ("stop",))


@dataclass
class Answered:
    """An answer as a trace knows it."""

    usage: Usage | None = None
    model: str | None = "m-2026"
    ending: Ending = ENDING
    status: int = 200
    first_byte_seconds: float = 0.25
    deployment: Deployment | None = None


@dataclass
class Opened:
    """The block in which an answer is, or was."""

    request: Ask
    upstream: Answered | None = None
    closed: float | None = 999.5


class Kept:
    """Keeps the spans of each request."""

    def __init__(self) -> None:
        self.requests: list[Sequence[SpanRecord]] = []
        self.counts: Mapping[str, int] = {}

    def add(self, spans: Sequence[SpanRecord]) -> None:
        self.requests.append(spans)

    def close(self) -> None:
        return


def trace_of(
    flags: int = SAMPLED, parent: TraceContext | None = None, operation: Operation = CHAT
) -> Trace:
    """A trace that began 2 s before now."""
    ids = itertools.count(10)
    trace = Trace(operation, 7, flags, parent, lambda _: next(ids))
    trace.began = NOW - 2.0
    return trace


def tries(trace: Trace, ask: Ask, *each: dict[str, Any]) -> None:
    """Add tries: each of a `backend`, with an `answer`, or what `failed`; half a second apart."""
    for number, one in enumerate(each):
        backend = WORLD.backends[one.get("backend", "moe")]
        opened = Opened(one.get("request", ask), one.get("answer"))
        if opened.upstream is not None:
            opened.upstream.deployment = backend.deployments()[0]
            trace.begins(backend, opened.upstream.deployment, opened)
        else:
            trace.begins(backend, backend.deployments()[0], opened)
        if "failed" in one:
            trace.failed(backend, f"{backend.name}/0.0", opened, one["failed"])
        attempt = trace.attempts[-1]
        attempt.began = NOW - 1.5 + number / 2
        attempt.failed_at = attempt.failed and attempt.began + 0.25


async def finished_with(
    *each: dict[str, Any],
    caller: FakeCaller | None = None,
    trace: Trace | None = None,
    **fields: Any,
) -> Finished:
    """A request that was decided 1.75 s before now, and these tries."""
    trace = trace or trace_of()
    finished = await finished_of(caller, WORLD, trace=trace, **({"seconds": 1.75} | fields))
    tries(trace, finished.context.ask, *each)
    return finished


def spans_of(finished: Finished) -> Sequence[SpanRecord]:
    """The spans that come of it; none where it is not kept."""
    kept, draws = Kept(), Sampling(0.0, per_minute=60, slow=30.0, clock=FakeClock())
    traces_requests(kept, draws, clock=lambda: NOW, now_ns=lambda: NOW_NS)(finished)
    return kept.requests[0] if kept.requests else ()


async def own_span(*each: dict[str, Any], **fields: Any) -> SpanRecord:
    return spans_of(await finished_with(*each, **fields))[0]


async def tried(**attempt: Any) -> SpanRecord:
    return spans_of(await finished_with(attempt))[1]


def at(seconds: float) -> int:
    """Unix time of a second of the notes' clock."""
    return NOW_NS + round((seconds - NOW) * 1e9)
