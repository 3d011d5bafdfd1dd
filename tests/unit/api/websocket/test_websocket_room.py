"""Messages have a room together with all other bodies: large ones wait for it unread."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from fakes.websocket import Answering, FakeWebSocket

from router.api.body_room import LARGE, TIMES, BodyRoom

MOST = 1_000_000
TEXT = "x" * 300_000
HALF = 150_000


class Counting(Answering):
    """Knows how much of the room was held when each body was there."""

    def __init__(
        self, total: int = 4 * TIMES * MOST, wait: float = 60.0, patience: float = 5.0
    ) -> None:
        super().__init__(body=MOST)
        self.room = BodyRoom(total, wait, lambda _: (1, "acme"))
        self.limits = replace(self.limits, room=self.room, body_timeout=patience)
        self.held: list[int] = []

    async def tell(self, turn: Any, number: int) -> None:
        self.held.append(self.room.held)
        await super().tell(turn, number)


async def settled() -> None:
    for _ in range(8):
        await asyncio.sleep(0)


def half_of(client: FakeWebSocket, text: str = TEXT) -> bytes:
    """Send the first half of a message; return the other one."""
    client.frames.send_text(
        b'{"type":"response.create","model":"auto","store":false,"input":"%b"}' % text.encode()
    )
    data = b"".join(client.frames.data_to_send())
    client.edge.data_received(data[:HALF])
    return data[HALF:]


async def test_a_message_takes_no_room_until_it_is_large() -> None:
    inference = Counting()
    client = FakeWebSocket(inference)
    client.create(input="y" * (LARGE // 2))
    await client.answer()
    assert inference.held == [0]


async def test_a_large_message_has_room_until_its_response_is_over() -> None:
    inference = Counting()
    client = FakeWebSocket(inference)
    rest = half_of(client)
    assert client.socket.paused
    await settled()
    assert inference.room.held == TIMES * MOST
    assert not client.socket.paused
    client.edge.data_received(rest)
    assert (await client.answer())[-1]["type"] == "response.completed"
    sizes = [held // TIMES for held in inference.held]
    assert [len(TEXT) < size < len(TEXT) + 1000 for size in sizes] == [True]
    await settled()
    assert inference.room.held == 0


async def test_a_message_that_comes_at_once_and_what_it_continues_are_counted() -> None:
    inference = Counting()
    client = FakeWebSocket(inference)
    client.create(input=TEXT)
    [*_, completed] = await client.answer()
    client.create(input="and now", previous_response_id=completed["response"]["id"])
    await client.answer()
    assert [held > len(TEXT) for held in inference.held] == [True, True]
    await settled()
    assert inference.room.held == 0


async def test_where_there_is_no_room_the_connection_is_told_and_closed() -> None:
    inference = Counting(total=TIMES * MOST, wait=0.0)
    first, second = FakeWebSocket(inference), FakeWebSocket(inference)
    half_of(first)
    await settled()
    half_of(second)
    for _ in range(3):
        await settled()
    [told] = second.got()
    assert told["status"] == 429
    assert second.frames.close_rcvd is not None
    assert second.socket.paused
    first.leave()
    await settled()
    assert inference.room.held == 0


@pytest.mark.virtual_time
async def test_a_message_that_does_not_arrive_in_time_gives_its_room_back() -> None:
    inference = Counting(patience=2.0)
    client = FakeWebSocket(inference)
    half_of(client)
    await asyncio.sleep(1.9)
    assert inference.room.held == TIMES * MOST
    await asyncio.sleep(0.2)
    [told] = client.got()
    assert told["status"] == 408
    assert inference.room.held == 0


async def test_a_message_that_is_wrong_gives_its_room_back() -> None:
    inference = Counting()
    client = FakeWebSocket(inference)
    client.frames.send_text(b'{"type":"nothing","input":"%b"}' % TEXT.encode())
    data = b"".join(client.frames.data_to_send())
    client.edge.data_received(data[:HALF])
    await settled()
    client.edge.data_received(data[HALF:])
    assert client.got()[0]["type"] == "error"
    await settled()
    assert inference.room.held == 0
