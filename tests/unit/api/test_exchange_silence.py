"""Streams that are long awaited: what goes out meanwhile, and how a failure ends them."""

import asyncio

import orjson
import pytest
from exchanging import HEAD, Client, asking, ring, stream
from fakes.connection import read_answer

from router.api.exchange import Exchange
from router.api.gateway import Limits
from router.errors import UpstreamTimeout


async def silent(exchange: Exchange) -> None:
    """Say that a stream will follow, and nothing more for long."""
    await exchange.body()
    exchange.awaits_stream()
    await asyncio.Event().wait()


async def failing(exchange: Exchange) -> None:
    await exchange.body()
    exchange.awaits_stream()
    ring(exchange)
    raise UpstreamTimeout("Too slow.")


async def test_the_head_of_a_stream_that_is_long_awaited_goes_out_with_a_comment():
    client = await asking(silent)
    client.ring(Limits(100, 5.0).head_after)
    head, _, body = client.socket.sent.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream")
    assert b"x-accel-buffering: no" in head
    assert body == b"d\r\n: keepalive\n\n\r\n"
    await client.leave()


async def test_a_stream_is_silent_for_its_interval_at_most():
    client, limits = await asking(silent), Limits(100, 5.0)
    client.ring(limits.head_after)
    for _ in range(3):
        client.ring(limits.keepalive / 2)
    assert client.socket.sent.count(b": keepalive\n\n") == 4
    await client.leave()


async def test_a_stream_that_flows_is_not_interrupted_by_comments():
    async def flowing(exchange: Exchange) -> None:
        await exchange.body()
        exchange.awaits_stream()
        await exchange.start()
        for _ in range(4):
            exchange.put(b"data: x\n\n")
            await asyncio.sleep(0)
            ring(exchange)
        await exchange.end()

    client = Client(flowing)
    sent = await client.send(HEAD + b"Content-Length: 2\r\n\r\n{}")
    assert b"keepalive" not in sent
    assert read_answer(sent).whole


async def test_messages_are_pinged_where_others_get_a_comment():
    path = HEAD.replace(b"/chat/completions", b"/messages")
    client = await asking(silent, path)
    client.ring(Limits(100, 5.0).head_after)
    assert b'event: ping\ndata: {"type":"ping"}\n\n' in client.socket.sent
    await client.leave()


@pytest.mark.parametrize("path", [b"/v1/chat/completions", b"/v1/messages"])
async def test_a_failure_behind_the_head_is_one_error_event(path):
    head = HEAD.replace(b"/v1/chat/completions", path)
    answer = read_answer(await Client(failing).send(head + b"Content-Length: 2\r\n\r\n{}"))
    assert (answer.status, answer.whole) == (200, True)
    *events, end = answer.body.split(b"\n\n")
    assert end == b""
    assert b"Too slow." in events[-1]
    assert len(events) == 2  # what said nothing, and this


async def test_an_array_that_is_long_awaited_stays_one_when_it_fails():
    head = HEAD.replace(b"chat/completions", b"models/m:streamGenerateContent")
    sent = await Client(failing).send(head + b"Content-Length: 2\r\n\r\n{}")
    assert b"content-type: application/json" in sent
    assert orjson.loads(read_answer(sent).body)[0]["error"]["message"] == "Too slow."


async def test_a_comment_waits_for_a_client_that_is_behind():
    client = await asking(silent)
    client.connection.pause_writing()
    client.ring(Limits(100, 5.0).head_after)
    assert client.socket.sent == b""
    client.connection.resume_writing()
    client.ring(Limits(100, 5.0).keepalive / 2)
    assert b": keepalive" in client.socket.sent
    await client.leave()


async def test_an_answer_that_is_over_leaves_no_timer():
    kept = []

    async def brief(exchange: Exchange) -> None:
        await stream(exchange)
        kept.append(exchange)

    async def awaited(exchange: Exchange) -> None:
        exchange.awaits_stream()
        await brief(exchange)

    await Client(awaited).send(HEAD + b"Content-Length: 2\r\n\r\n{}")
    assert kept[0]._timer.cancelled()
