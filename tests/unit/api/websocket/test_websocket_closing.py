"""When a connection closes, with which word, and what becomes of what still runs."""

import asyncio
import json
from typing import Any

import pytest
from fakes.websocket import Answering, FakeWebSocket
from websockets.frames import Close, Frame, Opcode

from router.api.gateway import SocketLimits

GOING_AWAY, PROTOCOL_ERROR, UNSUPPORTED, INVALID, TOO_BIG = 1001, 1002, 1003, 1007, 1009


class Slow(Answering):
    """Answers when it is told to."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.go = asyncio.Event()

    async def tell(self, turn: Any, number: int) -> None:
        await self.go.wait()
        await super().tell(turn, number)


def closed(frames: list[Frame]) -> int | None:
    """The code that a connection was closed with, None where it was not."""
    codes = [
        Close.parse(bytes(frame.data)).code for frame in frames if frame.opcode is Opcode.CLOSE
    ]
    return int(codes[0]) if codes else None


def errors(frames: list[Frame]) -> list[str | None]:
    """The codes of the errors that were told."""
    told = [json.loads(bytes(frame.data)) for frame in frames if frame.opcode is Opcode.TEXT]
    return [event["error"]["code"] for event in told if event["type"] == "error"]


async def test_a_message_larger_than_a_body_closes_as_too_big():
    client = FakeWebSocket(Answering(body=1_000))
    client.create(input="x" * 2_000)
    assert closed(client.frames_got()) == TOO_BIG
    assert client.socket.half_closed  # what is still on its way is read and dropped


async def test_fragments_count_together():
    client = FakeWebSocket(Answering(body=1_000))
    client.frames.send_text(b"x" * 600, fin=False)
    client.frames.send_continuation(b"x" * 600, fin=True)
    client.flush()
    assert closed(client.frames_got()) == TOO_BIG


async def test_a_message_in_fragments_is_one_with_pings_between_them():
    inference = Answering()
    client = FakeWebSocket(inference)
    text = b'{"type":"response.create","model":"auto","input":"in parts"}'
    client.frames.send_text(text[:20], fin=False)
    client.frames.send_ping(b"there?")
    client.frames.send_continuation(text[20:], fin=True)
    client.flush()
    (pong,) = client.frames_got()
    assert (pong.opcode, bytes(pong.data)) == (Opcode.PONG, b"there?")
    await client.settled()
    assert inference.bodies[0]["input"] == "in parts"


async def test_bytes_are_no_message():
    client = FakeWebSocket(Answering())
    client.frames.send_binary(b"{}")
    client.flush()
    assert closed(client.frames_got()) == UNSUPPORTED


async def test_text_that_is_none_closes_as_invalid():
    client = FakeWebSocket(Answering())
    client.send(b'{"type": "\xff"}')
    assert closed(client.frames_got()) == INVALID


@pytest.mark.parametrize(
    "sent",
    [b"\x81\x02{}", b"\xf1\x80\0\0\0\0", b"\x80\x80\0\0\0\0"],
    ids=["unmasked", "reserved bits", "a continuation of nothing"],
)
async def test_what_is_no_frame_closes_as_an_error_of_the_protocol(sent):
    client = FakeWebSocket(Answering())
    client.edge.data_received(sent)
    assert closed(client.frames_got()) == PROTOCOL_ERROR


@pytest.mark.parametrize(
    ("sent", "code", "param"),
    [
        (b"no JSON", None, None),
        (b"[]", None, None),
        (b'{"type":"session.update"}', "unknown_event_type", "type"),
        (b'{"input":"Hi"}', "unknown_event_type", "type"),
        (b'{"type":"response.create","stream_id":""}', "invalid_stream_id", "stream_id"),
        (b'{"type":"response.create","stream_id":"a b"}', "invalid_stream_id", "stream_id"),
        (b'{"type":"response.create","background":true}', None, "background"),
        (b'{"type":"response.create","generate":"no"}', None, "generate"),
        (b'{"type":"response.create","previous_response_id":7}', None, "previous_response_id"),
        (b'{"type":"response.create","type":"response.create"}', None, None),
        (b'{"type":"response.create","generate":false,"input":"Hi"}', None, "model"),
    ],
)
async def test_a_wrong_message_is_an_error_and_the_connection_goes_on(sent, code, param):
    client = FakeWebSocket(Answering())
    client.send(sent)
    (error,) = await client.answer()
    assert (error["type"], error["status"]) == ("error", 400)
    assert error["error"]["type"] == "invalid_request_error"
    assert error["error"]["code"] == code or code is None
    assert error["error"]["param"] == param or param is None
    client.create()
    assert (await client.answer())[-1]["type"] == "response.completed"


async def test_a_server_that_stops_closes_behind_what_runs():
    inference = Slow()
    client = FakeWebSocket(inference)
    client.create()
    client.create(input="waits")
    await asyncio.sleep(0)
    client.edge.shutdown()
    frames = client.frames_got()
    assert errors(frames) == ["service_unavailable"]  # of the one that waited
    client.create(input="late")
    frames += client.frames_got()
    assert closed(frames) is None
    inference.go.set()
    await client.settled()
    last = client.frames_got()
    assert b"response.completed" in bytes(last[-2].data)
    assert closed(last) == GOING_AWAY
    assert len(inference.bodies) == 1


async def test_a_server_that_stops_closes_an_idle_connection_at_once():
    client = FakeWebSocket(Answering())
    client.edge.shutdown()
    assert closed(client.frames_got()) == GOING_AWAY


async def test_what_is_abandoned_says_so_before_the_connection_closes():
    inference = Slow()
    client = FakeWebSocket(inference)
    client.create()
    await asyncio.sleep(0)
    client.edge.shutdown()
    await inference.abandon()
    frames = client.frames_got()
    assert errors(frames) == ["service_unavailable"]
    assert closed(frames) == GOING_AWAY


async def test_a_client_that_does_not_say_goodbye_is_cut_off():
    client = FakeWebSocket(Answering())
    client.edge.shutdown()
    client.loop.ring()
    assert client.socket.closed


async def test_a_connection_that_lived_its_time_is_told_to_open_another():
    client = FakeWebSocket(Answering(sockets=SocketLimits(lifetime=60.0)))
    client.create()
    await client.answer()
    client.loop.ahead = 61.0
    client.loop.ring()
    frames = client.frames_got()
    assert errors(frames) == ["websocket_connection_limit_reached"]
    assert closed(frames) == GOING_AWAY


async def test_what_runs_when_the_time_is_over_ends_first():
    inference = Slow(sockets=SocketLimits(lifetime=60.0))
    client = FakeWebSocket(inference)
    client.create()
    await asyncio.sleep(0)
    client.loop.ahead = 61.0
    client.loop.ring()
    client.create()
    frames = client.frames_got()
    assert errors(frames) == ["websocket_connection_limit_reached"]
    assert closed(frames) is None
    inference.go.set()
    await client.settled()
    assert closed(client.frames_got()) == GOING_AWAY


async def test_a_connection_over_which_nothing_is_asked_is_closed():
    client = FakeWebSocket(Answering(sockets=SocketLimits(idle=60.0)))
    client.loop.ahead = 59.0
    client.loop.ring()
    assert closed(client.frames_got()) is None
    client.loop.ahead = 61.0
    client.loop.ring()
    assert closed(client.frames_got()) == GOING_AWAY


async def test_a_response_that_takes_long_keeps_its_connection_open():
    inference = Slow(sockets=SocketLimits(idle=60.0))
    client = FakeWebSocket(inference)
    client.create()
    await asyncio.sleep(0)
    client.loop.ahead = 61.0
    client.loop.ring()
    (ping,) = client.frames_got()
    assert ping.opcode is Opcode.PING
    inference.go.set()
    await client.settled()
    assert closed(client.frames_got()) is None
