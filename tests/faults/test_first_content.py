"""A stream belongs to its backend from its first content on, and not before."""

import itertools
from collections.abc import Callable

import pytest
from faulty_backends import SSE_HEAD, chunked
from modelservers import RunningSimulator
from rawserver import raw_server, writes

from router.ask import Ask
from router.backends.backend import Backend
from router.backends.dispatch.attempt import HELD_CAP
from router.backends.dispatch.dispatch import Dispatcher
from router.errors import UpstreamFailed
from router.operations.message import parse_message

pytestmark = pytest.mark.virtual_time

Chat = Callable[..., Ask]
COMMENT = b": OPENROUTER PROCESSING\n\n"
ROLE = b'data: {"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n'
TEXT = b'data: {"model":"m","choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n'
SOUND = b'data: {"model":"m","choices":[{"index":0,"delta":{"audio":{"id":"a"}}}]}\n\n'
ERROR = b'data: {"error":{"code":502,"message":"Provider unavailable"}}\n\n'
STOP = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
MESSAGE = parse_message(
    b'{"model":"a","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"x"}]}'
)
START = b'event: message_start\ndata: {"type":"message_start","message":{"model":"m"}}\n\n'
PING = b'event: ping\ndata: {"type":"ping"}\n\n'
OVERLOADED = b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error"}}\n\n'


def stream(*events: bytes, head: bytes = SSE_HEAD) -> bytes:
    return head + chunked(b"".join(events))


@pytest.mark.parametrize(
    "before",
    [
        (COMMENT,),
        (ROLE,),
        (COMMENT, ROLE, COMMENT),
        (COMMENT,) * 1000,
        (ROLE, b'data: {"model":"m","choices":[]}\n\n'),
    ],
    ids=["comment", "role", "both", "many", "empty chunk"],
)
@pytest.mark.parametrize("end", [ERROR, b""], ids=["error", "cut"])
async def test_before_its_first_content_another_candidate_may_answer(
    dispatcher: Dispatcher,
    simulator: RunningSimulator,
    chat: Chat,
    before: tuple[bytes, ...],
    end: bytes,
) -> None:
    async with raw_server(writes(stream(*before, end))) as server:
        candidates = [
            Backend("first", server.base_url, "m"),
            Backend("second", simulator.base_url, "simulated-moe"),
        ]
        async with dispatcher.open(candidates, chat(stream=True), "r1") as upstream:
            assert upstream.backend.name == "second"
            out = b"".join([block async for block in upstream.stream()])
    assert b"OPENROUTER" not in out


@pytest.mark.parametrize("first", [TEXT, SOUND], ids=["text", "another kind"])
async def test_what_came_before_the_content_comes_first_and_in_order(
    dispatcher: Dispatcher, chat: Chat, first: bytes
) -> None:
    result = (COMMENT, ROLE, COMMENT, first, STOP)
    async with raw_server(writes(stream(*result))) as server:
        backend = Backend("b", server.base_url, "m")
        async with dispatcher.open([backend], chat(stream=True), "r1") as upstream:
            out = b"".join([block async for block in upstream.stream()])
    assert out == b"".join(result)


async def test_what_is_held_back_is_bounded(dispatcher: Dispatcher, chat: Chat) -> None:
    comments = itertools.repeat(COMMENT, 2 * HELD_CAP // len(COMMENT))
    async with raw_server(writes(stream(*comments), then="silence")) as server:
        backend = Backend("b", server.base_url, "m")
        async with dispatcher.open([backend], chat(stream=True), "r1") as upstream:
            first = await anext(upstream.stream())
    assert HELD_CAP < len(first) < 2 * HELD_CAP


async def test_a_messages_pings_and_its_start_commit_to_nothing(
    dispatcher: Dispatcher, simulator: RunningSimulator
) -> None:
    async with raw_server(writes(stream(START, PING, OVERLOADED))) as server:
        candidates = [
            Backend("first", server.base_url.removesuffix("/v1"), "m", dialect="anthropic"),
            Backend("second", simulator.base_url, "simulated-moe"),
        ]
        async with dispatcher.open(candidates, MESSAGE, "r1") as upstream:
            assert upstream.backend.name == "second"
            out = b"".join([block async for block in upstream.stream()])
    assert out.startswith(b"event: message_start")
    assert out.endswith(b'data: {"type":"message_stop"}\n\n')


TYPES = [b"text/event-stream; charset=utf-8", b"Text/Event-Stream", b"text/plain", b"", b"x/y"]


@pytest.mark.parametrize("kind", TYPES)
async def test_events_are_events_whatever_their_type_says(
    dispatcher: Dispatcher, chat: Chat, kind: bytes
) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\ntransfer-encoding: chunked\r\n\r\n" % kind
    for result in ((TEXT, STOP), (COMMENT, TEXT, STOP), (b"\n\n", b"event: x\n", TEXT, STOP)):
        async with raw_server(writes(stream(*result, head=head))) as server:
            backend = Backend("b", server.base_url, "m")
            async with dispatcher.open([backend], chat(stream=True), "r1") as upstream:
                out = b"".join([block async for block in upstream.stream()])
        assert out.lstrip(b"\n") == b"".join(result).lstrip(b"\n")


async def test_blanks_without_an_end_are_read_to_a_bound(
    dispatcher: Dispatcher, chat: Chat
) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n"
    blanks = head + (b"10000\r\n" + b" " * 0x10000 + b"\r\n") * 4
    async with raw_server(writes(blanks, then="silence")) as server:
        opening = dispatcher.open([Backend("b", server.base_url, "m")], chat(stream=True), "r1")
        with pytest.raises(UpstreamFailed):
            await opening.__aenter__()
