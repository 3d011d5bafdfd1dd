"""A cheap answer first, checked; the next backend where it fails; one bill for both."""

import asyncio
from collections.abc import AsyncIterator, Callable

import orjson
import pytest
from modelservers import RunningSimulator
from rawserver import Script, raw_server

from router.ask import Ask
from router.backends.backend import Backend
from router.backends.cascade.cascade import Cascade, Cascades
from router.backends.dispatch.dispatch import Dispatcher
from router.backends.dispatch.upstream import Event, Upstream
from router.backends.transport.httptools_transport import HttptoolsTransport
from router.domain import Usage
from router.errors import UpstreamFailed
from router.protocols.sse import encode

Chat = Callable[..., Ask]
CHECKED = Cascade(verify=("not_empty", "not_refusal", "json_schema"), max_steps=2, window=8)
SORRY = ["I'm", " sorry", ",", " I", " can't", " help", " you", " here", "."]
USAGE = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}


def says(text: str) -> Script:
    """A server that answers this text, whole or streamed word by word as it is asked."""

    async def script(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        choice = {"index": 0, "message": {"content": text}, "finish_reason": "stop"}
        body = orjson.dumps({"model": "small", "choices": [choice], "usage": USAGE})
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))

    return script


def streams(words: list[str], *, end: bool = True) -> Script:
    async def script(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        chunks = [{"index": 0, "delta": {"content": word}} for word in words]
        out = [encode(orjson.dumps({"model": "small", "choices": [c]})) for c in chunks]
        if end:
            last = {"index": 0, "delta": {}, "finish_reason": "stop"}
            out.append(encode(orjson.dumps({"model": "small", "choices": [last], "usage": USAGE})))
            out.append(encode(b"[DONE]"))
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
        writer.write(head + b"".join(out))
        writer.close()

    return script


@pytest.fixture
async def cascades() -> AsyncIterator[Cascades]:
    dispatcher = Dispatcher(HttptoolsTransport())
    yield Cascades(dispatcher)
    await dispatcher.close()


def small(base_url: str) -> Backend:
    return Backend("small", base_url, "m")


def large(simulator: RunningSimulator) -> Backend:
    return Backend("large", simulator.base_url, "m")


async def received(upstream: Upstream) -> bytes:
    if upstream.body:
        return upstream.body
    return b"".join([block async for block in upstream.stream()])


async def test_an_answer_that_passes_is_delivered(
    cascades: Cascades, simulator: RunningSimulator, chat: Chat
) -> None:
    async with raw_server(says("Four.")) as server:
        backends = [small(server.base_url), large(simulator)]
        async with cascades.open(backends, chat(), "r1", CHECKED) as upstream:
            assert upstream.backend.name == "small"
            assert upstream.billed == ()
    assert cascades.passed == 1
    assert simulator.app.served == 0


async def test_a_refusal_is_answered_by_the_next_and_both_are_paid_for(
    cascades: Cascades, simulator: RunningSimulator, chat: Chat
) -> None:
    async with raw_server(says("I'm sorry, but I can't help with that.")) as server:
        backends = [small(server.base_url), large(simulator)]
        events: list[Event] = []
        opened = cascades.open(backends, chat(), "r1", CHECKED, events=events)
        async with opened as upstream:
            assert [upstream.billed, upstream] == [(events[1],), events[2]]
            assert upstream.backend.name == "large"
            assert upstream.usage is not None
            (billed,) = upstream.billed
            assert (billed.backend.name, billed.verifier, billed.usage) == (
                "small",
                "not_refusal",
                Usage(5, 7),
            )
    assert cascades.fired["not_refusal"] == 1


async def test_the_last_step_is_delivered_whatever_it_says(cascades: Cascades, chat: Chat) -> None:
    async with raw_server(says("")) as server:
        backends = [small(server.base_url)]
        async with cascades.open(backends, chat(), "r1", CHECKED) as upstream:
            assert upstream.backend.name == "small"
    one_step = Cascade(verify=("not_empty",), max_steps=1)
    async with raw_server(says("")) as server:
        backends = [small(server.base_url), small(server.base_url)]
        async with cascades.open(backends, chat(), "r1", one_step) as upstream:
            assert upstream.backend is backends[0]


async def test_a_stream_flows_once_its_beginning_passed(
    cascades: Cascades, simulator: RunningSimulator, chat: Chat
) -> None:
    words = [f" word{n}" for n in range(30)]
    async with raw_server(streams(words)) as server:
        backends = [small(server.base_url), large(simulator)]
        async with cascades.open(backends, chat(stream=True), "r1", CHECKED) as upstream:
            assert upstream.backend.name == "small"
            out = await received(upstream)
            assert upstream.usage == Usage(5, 7)
    assert out.count(b" word") == 30
    assert out.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize(
    ("words", "end", "verifier"),
    [
        (
            ["I'm", " sorry", ",", " I", " can't", " help", " you", " here", "."],
            True,
            "not_refusal",
        ),
        ([""], True, "not_empty"),
        (["One", " two"], False, "broken"),
    ],
)
async def test_a_stream_that_begins_badly_is_replaced_unseen(  # noqa: PLR0917 # fixtures and cases
    cascades: Cascades,
    simulator: RunningSimulator,
    chat: Chat,
    words: list[str],
    end: bool,
    verifier: str,
) -> None:
    async with raw_server(streams(words, end=end)) as server:
        backends = [small(server.base_url), large(simulator)]
        async with cascades.open(backends, chat(stream=True), "r1", CHECKED) as upstream:
            assert upstream.backend.name == "large"
            assert [billed.verifier for billed in upstream.billed] == [verifier]
            out = await received(upstream)
    assert b"sorry" not in out
    assert b"simulated" in out


@pytest.mark.parametrize("stream", [False, True])
async def test_where_nobody_else_answers_the_doubtful_answer_is_delivered(
    cascades: Cascades, chat: Chat, stream: bool
) -> None:
    script = streams(SORRY) if stream else says("".join(SORRY))
    async with raw_server(script) as server:
        backends = [small(server.base_url), Backend("gone", "http://127.0.0.1:9/v1", "m")]
        async with cascades.open(backends, chat(stream=stream), "r1", CHECKED) as upstream:
            assert upstream.backend.name == "small"
            assert upstream.billed == ()
            assert b"sorry" in await received(upstream)
            assert upstream.usage == Usage(5, 7)
    assert cascades.fired["not_refusal"] == 1


async def test_where_everything_breaks_the_error_says_so(cascades: Cascades, chat: Chat) -> None:
    async with raw_server(streams(["One"], end=False)) as server:
        backends = [small(server.base_url), Backend("gone", "http://127.0.0.1:9/v1", "m")]
        with pytest.raises(UpstreamFailed):
            async with cascades.open(backends, chat(stream=True), "r1", CHECKED):
                pytest.fail("there is no answer")


def judging(judge: Backend) -> Cascade:
    return Cascade(verify=("not_empty",), max_steps=2, window=8, judge=judge)


@pytest.mark.parametrize(
    ("opinion", "backend", "fired", "no_opinion"),
    [("PASS", "small", 0, 0), ("**fail**", "large", 1, 0), ("Well, it depends.", "small", 0, 1)],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_judge_reads_whole_answers_and_is_paid(  # noqa: PLR0917 # fixtures and cases
    cascades: Cascades,
    simulator: RunningSimulator,
    chat: Chat,
    opinion: str,
    backend: str,
    fired: int,
    no_opinion: int,
    stream: bool,
) -> None:
    script = streams(["Four", "."]) if stream else says("Four.")
    async with raw_server(script) as server, raw_server(says(opinion)) as court:
        judge = Backend("judge", court.base_url, "m")
        backends = [small(server.base_url), large(simulator)]
        opened = cascades.open(backends, chat(stream=stream), "r1", judging(judge))
        async with opened as upstream:
            assert upstream.backend.name == backend
            opinions = [billed for billed in upstream.billed if not billed.rejected]
            assert [(billed.backend.name, billed.usage) for billed in opinions] == [
                ("judge", Usage(5, 7))
            ]
            await received(upstream)
    assert (cascades.fired["judge"], cascades.no_opinion) == (fired, no_opinion)


async def test_a_judge_that_cannot_be_asked_has_no_opinion(
    cascades: Cascades, simulator: RunningSimulator, chat: Chat
) -> None:
    judge = Backend("judge", "http://127.0.0.1:9/v1", "m")
    async with raw_server(says("Four.")) as server:
        backends = [small(server.base_url), large(simulator)]
        async with cascades.open(backends, chat(), "r1", judging(judge)) as upstream:
            assert upstream.backend.name == "small"
            assert upstream.billed == ()
    assert cascades.no_opinion == 1


async def test_a_judge_that_takes_too_long_has_no_opinion_and_is_let_go(
    cascades: Cascades, simulator: RunningSimulator, chat: Chat
) -> None:
    left = asyncio.Event()

    async def thinks(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        while await reader.read(65536):
            pass
        left.set()

    async with raw_server(says("Four.")) as server, raw_server(thinks) as court:
        backends = [small(server.base_url), large(simulator)]
        judge = Backend("judge", court.base_url, "m")
        hurried = Cascade(("not_empty",), judge=judge, patience=0.05)
        async with cascades.open(backends, chat(), "r1", hurried) as upstream:
            assert upstream.backend.name == "small"
            await left.wait()
    assert cascades.no_opinion == 1


async def test_a_stream_that_goes_on_is_not_judged(
    cascades: Cascades, simulator: RunningSimulator, chat: Chat
) -> None:
    seen = asyncio.Event()

    async def goes_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        chunk = orjson.dumps({"choices": [{"index": 0, "delta": {"content": " word"}}]})
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
        writer.write(head + 10 * encode(chunk))
        await writer.drain()
        await seen.wait()

    judge = Backend("judge", simulator.base_url, "m")
    async with raw_server(goes_on) as server:
        backends = [small(server.base_url), large(simulator)]
        async with cascades.open(backends, chat(stream=True), "r1", judging(judge)) as upstream:
            assert upstream.backend.name == "small"
            seen.set()
    assert simulator.app.served == 0
    assert cascades.passed == 1


async def test_the_judges_answer_stays_on_the_bill_of_the_answer_it_refused(
    cascades: Cascades, chat: Chat
) -> None:
    async with raw_server(says("Four.")) as server, raw_server(says("FAIL")) as court:
        backends = [small(server.base_url), Backend("gone", "http://127.0.0.1:9/v1", "m")]
        judge = Backend("judge", court.base_url, "m")
        events: list[Event] = []
        opened = cascades.open(backends, chat(), "r1", judging(judge), events=events)
        async with opened as upstream:
            assert upstream.backend.name == "small"
            assert [billed.backend.name for billed in upstream.billed] == ["judge"]
            assert [events[0], events[-1]] == [upstream, upstream]
