"""Messages over WebSockets, and what bodies inflate to, share the room that bodies have."""

import asyncio
import gzip
import json
from typing import Any

from fakes.websocket import Answering, FakeWebSocket
from websockets.frames import Frame, Opcode

from router.api.body_room import LARGE, TIMES, Berth, BodyRoom
from router.api.codings import decoded
from router.api.gateway import Limits
from router.api.websocket.arriving import FREE_BYTES

MOST = 200_000  # of a message
TEXT = "x" * 100_000


class Roomy(Answering):
    """Answers when it is told to; with room for bodies, of which each connection's customer is the
    one that its header names."""

    def __init__(self, *, total: int = TIMES * MOST, most: int = MOST, wait: float = 60.0) -> None:
        super().__init__(body=most)
        self.go = asyncio.Event()
        self.go.set()
        self.body_room = BodyRoom(total, wait, lambda credential: (1, repr(credential)))
        self.limits = Limits(most, 5.0, room=self.body_room)

    def authenticate(self, authorization: bytes | None) -> Any:
        """Let everybody in."""

    async def tell(self, turn: Any, number: int) -> None:
        await self.go.wait()
        await super().tell(turn, number)


def opened(inference: Roomy, customer: str) -> FakeWebSocket:
    return FakeWebSocket(inference, {"Authorization": f"Bearer {customer}"})


def begin(client: FakeWebSocket, size: int) -> bytes:
    """Send so many bytes of a message; return the rest of it."""
    raw = json.dumps({"type": "response.create", "model": "auto", "input": TEXT}).encode()
    frame = Frame(Opcode.TEXT, raw).serialize(mask=True)
    client.edge.data_received(frame[:size])
    return frame[size:]


async def settled() -> None:
    for _ in range(8):
        await asyncio.sleep(0)


async def test_a_message_that_does_not_end_takes_room_and_what_finds_none_is_not_read():
    inference = Roomy()
    first, second = opened(inference, "a"), opened(inference, "b")
    rest = begin(first, FREE_BYTES - 100)
    await settled()
    assert inference.body_room.held == 0
    first.edge.data_received(rest[:1_000])
    rest = begin(second, 90_000)
    await settled()
    assert inference.body_room.held == TIMES * (MOST - FREE_BYTES)
    assert (first.socket.paused, second.socket.paused) == (False, True)
    first.leave()
    await settled()
    assert not second.socket.paused
    second.edge.data_received(rest)
    told = await second.answer()
    assert told[-1]["type"] == "response.completed"
    assert inference.body_room.held == 0


async def test_a_message_that_is_there_keeps_what_it_needs_until_its_response_is_over():
    inference = Roomy()
    inference.go.clear()
    client = opened(inference, "a")
    rest = begin(client, 90_000)
    await settled()
    client.edge.data_received(rest)
    await settled()
    assert 0 < inference.body_room.held - TIMES * len(TEXT) < 500
    client.leave()
    await client.settled()
    assert inference.body_room.held == 0


async def test_a_message_for_which_there_is_no_room_in_time_is_refused_and_its_connection_closed():
    inference = Roomy(wait=0.0)
    first, second = opened(inference, "a"), opened(inference, "b")
    begin(first, 90_000)
    await settled()
    begin(second, 90_000)
    await settled()
    (told,) = second.got()
    assert (told["type"], told["status"]) == ("error", 503)
    assert not first.socket.sent


async def test_a_message_that_never_ends_gives_its_room_back_in_time():
    inference = Roomy()
    client = opened(inference, "a")
    begin(client, 90_000)
    await settled()
    client.loop.ring()
    (told,) = client.got()
    assert "did not arrive within 5 seconds" in told["error"]["message"]
    client.leave()
    assert inference.body_room.held == 0


async def test_what_a_response_goes_on_from_takes_room_too():
    inference = Roomy()
    client = opened(inference, "a")
    client.create(input=TEXT)
    assert (await client.answer())[-1]["type"] == "response.completed"
    inference.go.clear()
    client.create(previous_response_id="resp_1")
    await settled()
    assert 0 < inference.body_room.held - TIMES * len(TEXT) < 15_000
    client.leave()
    await client.settled()
    assert inference.body_room.held == 0


async def test_large_messages_are_read_one_after_the_other_and_small_ones_behind_them_wait():
    inference = Roomy(total=30 * LARGE, most=3 * LARGE)
    client = opened(inference, "a")
    client.create(input="x" * LARGE)
    client.create(input="y" * LARGE)
    client.create(input="small")
    assert client.edge._arriving.waits
    await asyncio.wait([client.edge._arriving._task])
    await client.settled()
    assert [body["input"][:1] for body in inference.bodies] == ["x", "y", "s"]
    assert inference.body_room.held == 0


async def test_a_body_takes_room_before_it_is_inflated_and_keeps_what_it_needs():
    room = BodyRoom(1_000_000, 60.0, lambda _: (1, "a"))
    taken: list[int] = []

    async def enter(size: int) -> Berth:
        taken.append(size)
        return await room.berth(None, size)

    small, large = b"x" * FREE_BYTES, b"x" * 200_000
    assert await decoded(gzip.compress(small[:-1]), b"gzip", 300_000, enter) == small[:-1]
    assert taken == []
    assert await decoded(gzip.compress(large), b"gzip", 300_000, enter) == large
    assert taken == [TIMES * 300_000]
    assert room.held == TIMES * 200_000
