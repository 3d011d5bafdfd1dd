"""Beginning traces: a caller's is joined, or a new one begins; and one object does it all."""

import itertools
import random
from collections.abc import Mapping, Sequence

import pytest
from fakes.backends import FakeUpstream, whole
from fakes.caller import FakeCaller, sent
from fakes.clock import FakeClock
from fakes.corridor import CHAT, FakeCorridor

from router.domain import Usage
from router.errors import LimitExceeded, TurnoutError
from router.pipeline.serve import serve
from router.pipeline.tracing import Tracing, open_tracing
from router.telemetry.traces.context import RANDOM, SAMPLED
from router.telemetry.traces.sampling import Sampling
from router.telemetry.traces.span import SpanRecord
from router.world.config import TraceSection

TRACE, SPAN = 0x4BF92F3577B34DA6A3CE929D0E0E4736, 0x00F067AA0BA902B7
HEADER = f"00-{TRACE:032x}-{SPAN:016x}-01"


class Kept:
    """Keeps spans, and knows whether it was closed."""

    def __init__(self) -> None:
        self.spans: list[SpanRecord] = []
        self.closed = False

    @property
    def counts(self) -> Mapping[str, int]:
        return {"exported": len(self.spans)}

    def add(self, spans: Sequence[SpanRecord]) -> None:
        self.spans += spans

    def close(self) -> None:
        self.closed = True


def tracing(share: float = 0.0, *, joins: bool = True, sink: Kept | None = None) -> Tracing:
    ids = itertools.count(1)
    draws = Sampling(share, per_minute=60, slow=None, clock=FakeClock())
    return Tracing(draws, sink or Kept(), joins=joins, bits=lambda _: next(ids))


def calling(traceparent: str = HEADER) -> FakeCaller:
    caller = FakeCaller.asking()
    caller.fields = sent({"traceparent": traceparent})
    return caller


def test_a_callers_trace_is_joined() -> None:
    trace = tracing().begin(calling(), CHAT)
    assert trace.parent is not None
    assert (trace.parent.trace_id, trace.parent.span_id) == (TRACE, SPAN)
    assert trace.trace_id == TRACE
    assert trace.flags == SAMPLED


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_a_share_of_the_traces_that_begin_here_is_drawn_by_their_ids(share: float) -> None:
    dice = random.Random(1)
    draws = Sampling(share, per_minute=0, slow=None)
    tracer, caller = Tracing(draws, Kept(), bits=dice.getrandbits), FakeCaller.asking()
    begun = [tracer.begin(caller, CHAT) for _ in range(4_000)]
    drawn = sum(bool(trace.flags & SAMPLED) for trace in begun) / len(begun)
    assert drawn == pytest.approx(share, abs=0.03)
    assert all(trace.flags & RANDOM for trace in begun)


@pytest.mark.parametrize("share", [0.0, 1.0])
@pytest.mark.parametrize("flags", ["00", "01"])
def test_what_the_caller_drew_counts_whatever_the_share(share: float, flags: str) -> None:
    trace = tracing(share).begin(calling(HEADER[:-2] + flags), CHAT)
    assert trace.flags == int(flags)


@pytest.mark.parametrize("header", ["", "00-1-2-3", HEADER.replace("4", "x"), HEADER + "-more"])
def test_a_malformed_header_is_as_none(header: str) -> None:
    trace = tracing().begin(calling(header), CHAT)
    assert trace.parent is None
    assert (trace.trace_id, trace.flags) == (1, RANDOM)


def test_where_it_is_not_wanted_no_caller_decides_what_is_kept() -> None:
    trace = tracing(joins=False).begin(calling(), CHAT)
    assert trace.parent is None
    assert (trace.trace_id, trace.flags) == (1, RANDOM)


async def test_a_walk_is_traced_from_its_beginning_to_its_settlement() -> None:
    sink = Kept()
    tracer = tracing(sink=sink)
    corridor = FakeCorridor.answering(FakeUpstream(body=whole(), usage=Usage(10, 5)))
    serving = corridor.serving(tracer.observer())
    serving.tracing = tracer
    await serve(serving, CHAT, calling())
    (span,) = sink.spans
    assert span.context.trace_id == TRACE
    assert span.attributes["turnout.backend"] == "local"
    finished = corridor.finished_records[0]
    assert finished.trace is not None
    assert finished.error is None


async def test_a_walk_that_ends_early_tells_why() -> None:
    sink = Kept()
    tracer = tracing(sink=sink)
    corridor = FakeCorridor.answering()
    corridor.ledger.refusal = LimitExceeded("No tokens left.")
    serving = corridor.serving(tracer.observer())
    serving.tracing = tracer
    with pytest.raises(TurnoutError):
        await serve(serving, CHAT, calling())
    assert sink.spans[0].attributes["error.type"] == "LimitExceeded"
    assert corridor.finished_records[0].error is corridor.ledger.refusal


async def test_nothing_is_noted_where_nothing_is_traced() -> None:
    corridor = FakeCorridor.answering(FakeUpstream(body=whole(), usage=Usage(10, 5)))
    finished = await corridor.walk(calling())
    assert finished.trace is None


def test_closing_it_sends_what_waits() -> None:
    sink = Kept()
    tracing(sink=sink).close()
    assert sink.closed


def test_it_is_opened_as_configured_or_not_at_all() -> None:
    assert open_tracing(None, None) is None
    section = TraceSection.model_validate({"to": "http://127.0.0.1:9", "join": False, "sample": 1})
    opened = open_tracing(section, 1)
    assert opened is not None
    trace = opened.begin(calling(), CHAT)
    assert trace.parent is None
    assert trace.flags & SAMPLED
    assert set(opened.sink.counts) == {"exported", "failed", "dropped"}
    opened.close()
