"""Bodies that do not come with their head take room first; until there is some, nothing is read."""

import asyncio
import gzip
from typing import Any

import pytest
from fakes.connection import FakeSocket, bare_gateway, connect, read_answer

from router.api.body_room import SMALL, BodyRoom
from router.api.exchange import Exchange
from router.api.gateway import Limits
from router.api.inference import Inference

HEAD = "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\n"


def customer_of(credential: bytes | None) -> tuple[int, str]:
    return 1, (credential or b"").decode()


class Edge:
    """The real edge, which answers with the body that came, with room for 100 bytes of bodies."""

    def __init__(self, wait: float = 60.0, room: int = 100, most: int = 90) -> None:
        self.room = BodyRoom(room, wait, customer_of)
        limits = Limits(most, 5.0, room=self.room)
        gateway: Any = bare_gateway(limits)

        class Echoing(Inference):
            async def _walk(inner, exchange: Any) -> None:  # noqa: N805 - the edge is `self`
                await _echo(exchange, self.held)

        self.held: list[int] = []  # of the room, as each body was there
        self._inference = Echoing(gateway)

    def client(self, customer: str, framing: str) -> tuple[Any, FakeSocket]:
        """A connection over which the head of a request came."""
        connection, socket = connect(self._inference)
        connection.data_received(f"{HEAD.format(customer)}{framing}\r\n\r\n".encode())
        return connection, socket


async def _echo(exchange: Exchange, held: list[int]) -> None:
    room, body = exchange._limits.room, await exchange.body()
    held.append(0 if room is None else room.held)
    await exchange.send(body)


async def settled() -> None:
    for _ in range(8):
        await asyncio.sleep(0)


async def test_a_body_is_not_read_until_there_is_room_for_it() -> None:
    edge = Edge()
    first, _ = edge.client("a", "Content-Length: 80")
    await settled()
    assert edge.room.held == 80
    second, socket = edge.client("b", "Content-Length: 40")
    await settled()
    assert socket.paused
    first.data_received(b"x" * 80)
    await settled()
    assert not socket.paused
    second.data_received(b"y" * 40)
    await settled()
    assert read_answer(socket.sent).body == b"y" * 40
    assert edge.room.held == 0


async def test_a_client_that_leaves_amid_its_body_gives_its_room_back() -> None:
    edge = Edge()
    connection, _ = edge.client("a", "Content-Length: 80")
    await settled()
    connection.data_received(b"x" * 10)
    connection.connection_lost(None)
    await settled()
    assert edge.room.held == 0


async def test_a_body_that_does_not_say_its_size_takes_as_much_as_it_may_have() -> None:
    edge = Edge()
    connection, socket = edge.client("a", "Transfer-Encoding: chunked")
    await settled()
    assert edge.room.held == 90
    connection.data_received(b"3\r\nabc\r\n0\r\n\r\n")
    await settled()
    assert read_answer(socket.sent).body == b"abc"
    assert edge.room.held == 0


async def test_a_body_that_comes_with_its_head_asks_for_no_room() -> None:
    edge = Edge()
    edge.client("a", "Content-Length: 80")
    await settled()
    connection, socket = connect(edge._inference)
    head = f"{HEAD.format('b')}Content-Length: 60\r\n\r\n"
    connection.data_received(head.encode() + b"z" * 60)
    await settled()
    assert read_answer(socket.sent).body == b"z" * 60


async def test_a_large_body_that_comes_with_its_head_is_counted_all_the_same() -> None:
    edge, size = Edge(room=300_000, most=200_000), SMALL + 1
    for customer, length in (("a", size), ("b", SMALL)):
        connection, socket = connect(edge._inference)
        head = f"{HEAD.format(customer)}Content-Length: {length}\r\n\r\n"
        connection.data_received(head.encode() + b"z" * length)
        await settled()
        assert len(read_answer(socket.sent).body) == length
    assert edge.held == [size, 0]
    assert edge.room.held == 0


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_compressed_body_takes_the_room_that_it_has_once_it_is_inflated(
    at_once: bool,
) -> None:
    edge, sent = Edge(room=1_000_000, most=300_000), gzip.compress(b"z" * 200_000)
    connection, socket = connect(edge._inference)
    coded = f"Content-Encoding: gzip\r\nContent-Length: {len(sent)}\r\n\r\n"
    head = (HEAD.format("a") + coded).encode()
    connection.data_received(head + sent if at_once else head)
    if not at_once:
        await settled()
        assert edge.room.held == 300_000  # as much as it may have
        connection.data_received(sent)
    await asyncio.gather(*connection.tasks)
    assert len(read_answer(socket.sent).body) == 200_000
    assert edge.held == [200_000]


async def test_who_finds_no_room_in_time_is_answered_and_told_when_to_come_back() -> None:
    edge = Edge(wait=0.0)
    edge.client("a", "Content-Length: 80")
    await settled()
    answers = []
    for customer in ("a", "b"):
        connection, socket = edge.client(customer, "Content-Length: 40")
        await asyncio.gather(*connection.tasks)
        answers.append(read_answer(socket.sent))
    assert [answer.status for answer in answers] == [429, 503]
    assert all(answer.headers["retry-after"] == "1" for answer in answers)
