"""What a trace notes of tries over real connections, and what of it the backends are sent."""

import asyncio
import itertools
import re
from collections.abc import AsyncIterator, Callable

import pytest
from modelservers import RunningSimulator
from rawserver import RawServer, raw_server, writes
from transports import TRANSPORTS

from router.ask import Ask
from router.backends.backend import Backend, Capacity
from router.backends.cascade.cascade import Cascade, Cascades
from router.backends.dispatch.dispatch import Dispatcher
from router.backends.dispatch.failures import Kind
from router.backends.dispatch.retry import RetryPolicy
from router.backends.dispatch.trace import Attempt, Trace
from router.backends.transport.httptools_transport import HttptoolsTransport
from router.errors import Overloaded, StreamBroken, TurnoutError, UpstreamFailed, UpstreamRejected
from router.operations.embedding import parse_embedding
from router.operations.table import OPERATIONS
from router.telemetry.traces.context import SAMPLED

Chat = Callable[..., Ask]
CHOICE = b'{"index":0,"message":{"content":"Hi"},"finish_reason":"stop"}'
BODY = b'{"id":"c","model":"m-1","choices":[%b]}' % CHOICE
REPLY = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(BODY), BODY)
FAILS = b"HTTP/1.1 500 Oh no\r\ncontent-length: 2\r\n\r\n{}"
GONE = Backend("gone", "http://127.0.0.1:9/v1", "m")


@pytest.fixture
async def dispatcher() -> AsyncIterator[Dispatcher]:
    dispatcher = Dispatcher(HttptoolsTransport(), retry=RetryPolicy(rounds=0))
    yield dispatcher
    await dispatcher.close()


@pytest.fixture
def trace() -> Trace:
    """A trace whose ids are counted."""
    return new_trace()


def new_trace() -> Trace:
    ids = itertools.count(1)
    return Trace(OPERATIONS[0], 0xABC, SAMPLED, None, lambda _: next(ids))


def place(attempt: Attempt) -> str:
    """What `traceparent` says of a try."""
    return f"00-{0xABC:032x}-{attempt.span_id:016x}-01"


def sent(server: RawServer) -> str | None:
    """The traceparent of the last request that a server got."""
    match = re.search(rb"\r\ntraceparent: (\S+)\r\n", server.head, re.IGNORECASE)
    return None if match is None else match[1].decode()


async def read_all(dispatcher: Dispatcher, backend: Backend, ask: Ask, trace: Trace) -> None:
    async with dispatcher.open([backend], ask, "r1", trace=trace) as upstream:
        async for _ in upstream.stream():
            pass


async def test_a_whole_answer_is_over_when_it_has_come(dispatcher, chat, trace) -> None:
    async with raw_server(writes(REPLY, then="stay")) as server:
        backend = Backend("b", server.base_url, "m")
        async with dispatcher.open([backend], chat(), "r1", trace=trace) as upstream:
            (attempt,) = trace.attempts
            assert attempt.answer is upstream
            assert attempt.ended == attempt.began + upstream.first_byte_seconds
        assert sent(server) == place(attempt)
    assert trace.began <= trace.sent_on <= attempt.began
    assert (attempt.backend, attempt.deployment.id) == (backend, "b/0.0")
    assert (attempt.answer.status, attempt.failed, trace.faulty) == (200, None, False)
    assert attempt.answer.ending.id == "c"
    assert attempt.answer.ending.reasons == ("stop",)


async def test_a_stream_is_over_when_it_is_closed(
    dispatcher, simulator: RunningSimulator, chat, trace
) -> None:
    backend = Backend("b", simulator.base_url, "m")
    async with dispatcher.open([backend], chat(stream=True), "r1", trace=trace) as upstream:
        (attempt,) = trace.attempts
        async for _ in upstream.stream():
            assert attempt.ended is None
    assert attempt.ended == attempt.opened.closed > attempt.began
    assert attempt.answer.first_byte_seconds > 0
    assert attempt.answer.ending.reasons == ("stop",)
    assert simulator.app.last_headers["traceparent"] == place(attempt)


async def test_every_failure_is_noted_with_its_cause_and_its_own_span(
    dispatcher, chat, trace
) -> None:
    async with raw_server(writes(FAILS)) as bad, raw_server(writes(REPLY)) as good:
        backends = [GONE, Backend("bad", bad.base_url, "m"), Backend("good", good.base_url, "m")]
        async with dispatcher.open(backends, chat(), "r1", trace=trace):
            pass
        gone, failed, answered = trace.attempts
        assert sent(bad) == place(failed)
        assert sent(good) == place(answered)
    assert [one.backend.name for one in trace.attempts] == ["gone", "bad", "good"]
    assert [one.failed and one.failed.kind for one in trace.attempts] == [
        Kind.CONNECT,
        Kind.SERVER,
        None,
    ]
    assert [one.failed and one.failed.answered for one in trace.attempts] == [0, 500, None]
    assert gone.ended <= failed.began <= failed.ended <= answered.began
    assert trace.faulty


async def test_a_request_that_nobody_answers_leaves_its_tries(dispatcher, chat, trace) -> None:
    with pytest.raises(UpstreamFailed):
        async with dispatcher.open([GONE], chat(), "r1", trace=trace):
            pass
    (attempt,) = trace.attempts
    assert attempt.answer is None
    assert attempt.ended is not None


async def test_an_answer_that_is_no_answer_has_a_status_all_the_same(
    dispatcher, chat, trace
) -> None:
    odd = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]"
    async with raw_server(writes(odd)) as server:
        with pytest.raises(UpstreamFailed):
            async with dispatcher.open(
                [Backend("b", server.base_url, "m")], chat(), "r1", trace=trace
            ):
                pass
    assert trace.attempts[0].failed.kind is Kind.MALFORMED
    assert trace.attempts[0].failed.answered == 200


async def test_a_stream_that_breaks_off_ends_where_it_broke(dispatcher, chat, trace) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 9999\r\n\r\n"
    event = b'data: {"model":"m","choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n'
    async with raw_server(writes(head + event)) as server:
        backend = Backend("b", server.base_url, "m")
        with pytest.raises(StreamBroken):
            await read_all(dispatcher, backend, chat(stream=True), trace)
    (attempt,) = trace.attempts
    assert attempt.failed is None
    assert attempt.ended == attempt.opened.closed > attempt.began


async def test_a_hedge_is_two_spans_and_the_loser_ends_without_a_fault(dispatcher, chat) -> None:
    async with (
        raw_server(writes(b"", then="silence")) as slow,
        raw_server(writes(REPLY, then="stay")) as quick,
    ):
        replicas = (quick.base_url,)
        backend = Backend("b", slow.base_url, "m", replicas=replicas, hedge_after=0.02)
        for number in itertools.count():  # the slow one is the first choice of half of them
            trace = new_trace()
            ask = chat(f"conversation {number}")
            async with dispatcher.open([backend], ask, "r1", trace=trace):
                pass
            if slow.requests:
                break
    lost, won = sorted(trace.attempts, key=lambda one: one.deployment.id)
    assert (lost.failed, lost.answer, lost.ended) == (None, None, None)
    assert won.answer is not None
    assert won.span_id != lost.span_id


async def test_a_candidate_that_is_full_is_passed_over_and_not_tried(
    dispatcher, simulator: RunningSimulator, chat, trace
) -> None:
    scarce = Backend("scarce", simulator.base_url, "m", capacity=Capacity(concurrency=1))
    other = Backend("other", simulator.base_url, "m")
    async with (
        dispatcher.open([scarce], chat(stream=True), "r1"),
        dispatcher.open([scarce, other], chat(), "r2", trace=trace),
    ):
        pass
    assert [one.backend.name for one in trace.attempts] == ["other"]
    (skipped,) = trace.passed_over
    assert skipped.startswith("scarce ")
    assert "no free slot" in skipped
    assert not trace.faulty


async def test_a_candidate_that_rests_is_passed_over(
    dispatcher, simulator: RunningSimulator, chat, trace
) -> None:
    model = "m?fault=status&status=429&retry_after=60"
    resting = Backend("resting", simulator.base_url, model)
    for noted in (None, trace):
        with pytest.raises(Overloaded):
            async with dispatcher.open([resting], chat(), "r1", trace=noted):
                pass
    assert trace.attempts == []
    assert trace.passed_over == ("resting rests",)


async def test_a_cascade_notes_the_answer_it_rejected_its_judge_and_the_one_it_gave(
    dispatcher, chat, trace
) -> None:
    fails = BODY.replace(b"Hi", b"FAIL")
    judging = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(fails), fails)
    async with (
        raw_server(writes(REPLY, then="stay")) as server,
        raw_server(writes(judging, then="stay")) as judge,
    ):
        small, large = (Backend(name, server.base_url, "m") for name in ("small", "large"))
        cascade = Cascade(verify=("not_empty",), judge=Backend("judge", judge.base_url, "m"))
        ask = chat()
        async with Cascades(dispatcher).open(
            [small, large], ask, "r1", cascade, trace=trace
        ) as upstream:
            assert upstream.backend is large
    assert [one.backend.name for one in trace.attempts] == ["small", "judge", "large"]
    assert [one.opened.request is ask for one in trace.attempts] == [True, False, True]
    assert len({one.span_id for one in trace.attempts}) == 3
    assert all(one.ended is not None for one in trace.attempts)


async def test_what_no_backend_can_be_asked_was_never_sent(
    dispatcher, simulator: RunningSimulator, trace
) -> None:
    claude = Backend("claude", simulator.base_url, "m", dialect="anthropic")
    ask = parse_embedding(b'{"model":"a","input":"x"}')
    with pytest.raises(TurnoutError):
        async with dispatcher.open([claude], ask, "r1", trace=trace):
            pass
    assert trace.attempts == []
    (skipped,) = trace.passed_over
    assert skipped.startswith("claude cannot be asked")
    assert not trace.faulty
    assert simulator.app.served == 0


async def test_a_client_that_leaves_ends_the_try(dispatcher, chat, trace) -> None:
    async with raw_server(writes(b"", then="silence")) as slow:
        backend = Backend("b", slow.base_url, "m")

        async def ask() -> None:
            async with dispatcher.open([backend], chat(), "r1", trace=trace):
                pass

        asking = asyncio.ensure_future(ask())
        await slow.asked.wait()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    (attempt,) = trace.attempts
    assert (attempt.failed, attempt.answer, attempt.ended) == (None, None, None)


async def test_a_request_that_nobody_traces_is_sent_without_a_place(dispatcher, chat) -> None:
    async with raw_server(writes(REPLY)) as server:
        async with dispatcher.open([Backend("b", server.base_url, "m")], chat(), "r1"):
            pass
        assert sent(server) is None


async def test_a_second_round_asks_again_as_another_try(chat, trace) -> None:
    async def no_wait(_seconds: float) -> None:
        return

    dispatcher = Dispatcher(HttptoolsTransport(), sleep=no_wait)
    with pytest.raises(UpstreamFailed):
        async with dispatcher.open([GONE], chat(), "r1", trace=trace):
            pass
    await dispatcher.close()
    assert len(trace.attempts) == 2
    assert all(one.failed is not None for one in trace.attempts)


async def test_a_wrong_request_is_no_backends_fault(dispatcher, chat, trace) -> None:
    wrong = b"HTTP/1.1 400 Bad\r\ncontent-length: 2\r\n\r\n{}"
    async with raw_server(writes(wrong)) as server:
        with pytest.raises(UpstreamRejected):
            await read_all(dispatcher, Backend("b", server.base_url, "m"), chat(), trace)
    assert trace.attempts[0].failed.kind is Kind.REJECTED
    assert not trace.faulty


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_every_client_sends_the_place_along(transport, simulator, chat, trace) -> None:
    dispatcher = Dispatcher(TRANSPORTS[transport]())
    backend = Backend("b", simulator.base_url, "m")
    await read_all(dispatcher, backend, chat(), trace)
    await dispatcher.close()
    assert simulator.app.last_headers["traceparent"] == place(trace.attempts[0])
