"""Bodies that do not come with their head take room first; until there is some, nothing is read."""

import asyncio
import gzip
import json
import sys
from collections.abc import Awaitable
from random import Random
from typing import Any

from fakes.connection import FakeSocket, bare_gateway, connect, read_answer

from router.api.body_room import LARGE, TIMES, BodyRoom, need_of
from router.api.exchange import Exchange
from router.api.gateway import Limits
from router.api.inference import Inference
from router.protocols.decoders import MOST_RATIO

HEAD = "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\n"


def customer_of(credential: bytes | None) -> tuple[int, str]:
    return 1, (credential or b"").decode()


class Edge:
    """The real edge, which answers with the body that came, with room for bodies of 100 bytes."""

    def __init__(self, wait: float = 60.0, most: int = 90, room: int = 100) -> None:
        self.room = BodyRoom(TIMES * room, wait, customer_of)
        limits = Limits(most, 5.0, room=self.room)
        gateway: Any = bare_gateway(limits)

        class Echoing(Inference):
            async def _walk(self, exchange: Any) -> None:
                await _echo(exchange)

        self._inference = Echoing(gateway)

    def client(self, customer: str, framing: str) -> tuple[Any, FakeSocket]:
        """A connection over which the head of a request came, and what `framing` says besides."""
        connection, socket = connect(self._inference)
        connection.data_received(f"{HEAD.format(customer)}{framing}\r\n\r\n".encode())
        return connection, socket


async def _echo(exchange: Exchange) -> None:
    await exchange.send(await exchange.body())


async def settled() -> None:
    for _ in range(8):
        await asyncio.sleep(0)


async def test_a_body_is_not_read_until_there_is_room_for_it() -> None:
    edge = Edge()
    first, _ = edge.client("a", "Content-Length: 80")
    await settled()
    assert edge.room.held == TIMES * 80
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
    assert edge.room.held == TIMES * 90
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
    edge, size = Edge(room=300_000, most=200_000), LARGE + 1
    edge.client("a", "Content-Length: 199000")
    await settled()
    for customer, length, paused in (("b", size, False), ("c", size, True), ("d", LARGE, False)):
        connection, socket = connect(edge._inference)
        head = f"{HEAD.format(customer)}Content-Length: {length}\r\n\r\n"
        if paused:
            held = TIMES * 100_000
            edge.room.take("e", held)
        connection.data_received(head.encode() + b"z" * length)
        await settled()
        assert socket.paused is paused
        assert bool(socket.sent) is not paused


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


async def test_an_inflated_body_takes_the_room_of_what_it_becomes_until_its_answer() -> None:
    edge = Edge(most=4 * LARGE)
    held: list[int] = []
    given = edge.room.take
    edge.room.take = lambda *taken: (given(*taken), held.append(edge.room.held))[0]  # type: ignore[method-assign]
    plain = Random(1).randbytes(10_000) + b"x" * 2 * LARGE
    body = gzip.compress(plain)  # some kilobytes, whole with its head
    connection, socket = connect(edge._inference)
    head = f"{HEAD.format('a')}Content-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.data_received(head.encode() + body)
    await asyncio.gather(*connection.tasks)
    assert read_answer(socket.sent).body == plain
    assert max(held) >= TIMES * min(4 * LARGE, MOST_RATIO * len(body))
    await settled()
    assert edge.room.held == 0


async def test_a_large_text_takes_the_room_that_its_characters_may_need() -> None:
    narrow, wide = b"a" * 2 * LARGE, b"a" * (2 * LARGE - 4) + "🎈".encode()
    assert need_of(narrow) == TIMES * len(narrow)
    told = json.loads(b'"%b"' % wide)
    assert need_of(wide) >= 2 * len(wide) + sys.getsizeof(told) - 100 > 5 * len(wide)
    assert need_of(b'"\\u20ac"' + narrow) > TIMES * len(narrow)


async def test_a_large_body_takes_its_turn_though_it_came_whole_with_its_head() -> None:
    edge, turns = Edge(most=4 * LARGE), list[int]()
    given = edge.room.turn

    def turn(authorization: bytes | None, size: int) -> Awaitable[None]:
        turns.append(size)
        return given(authorization, size)

    edge.room.turn = turn  # type: ignore[method-assign]
    for size in (LARGE, LARGE + 1):
        connection, socket = connect(edge._inference)
        head = f"{HEAD.format('b')}Content-Length: {size}\r\n\r\n"
        connection.data_received(head.encode() + b"z" * size)
        await asyncio.gather(*connection.tasks)
        assert len(read_answer(socket.sent).body) == size
    assert turns == [LARGE + 1]
