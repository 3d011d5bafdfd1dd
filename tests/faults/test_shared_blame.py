"""What one customer provokes at a backend rests it for nobody else; an outage makes no storm."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from faulty_backends import PATIENT, Chat, answer, faulty
from modelservers import RunningSimulator
from rawserver import RawServer, raw_server
from transports import NewTransport

from router.backends.backend import Backend
from router.backends.dispatch.dispatch import Dispatcher
from router.errors import TurnoutError

pytestmark = pytest.mark.virtual_time

WHOLE = [
    *(f"status&status={status}" for status in (500, 502, 503, 504, 400, 404, 413, 422)),
    *(f"status&status={status}&retry_after=600" for status in (429, 503, 401, 402)),
    *("html", "error_inside", "huge_error", "redirect", "slow&seconds=2"),
]
STREAMED = ["status&status=500", "reset", "cut", "garbage", "error_event&after=1"]
ODD = [(odd, False) for odd in WHOLE] + [(odd, True) for odd in STREAMED]
REPLY = b'{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}]}'
HEAD = b"HTTP/1.1 %d X\r\ncontent-type: application/json\r\ncontent-length: 65\r\n%b\r\n"


@pytest.mark.parametrize(("odd", "stream"), ODD)
async def test_odd_answers_that_one_customer_provokes_rest_nobody_else(
    dispatcher: Dispatcher, simulator: RunningSimulator, chat: Chat, odd: str, stream: bool
) -> None:
    backend = faulty(simulator, f"{odd}&only=bad")
    for number in range(8):
        with contextlib.suppress(TurnoutError):
            await answer(dispatcher, [backend], chat(f"bad {number}", stream=stream), "one")
    for number in range(3):
        served = await answer(dispatcher, [backend], chat("good", stream=stream), f"other{number}")
        assert served[0] == "faulty"
    assert dispatcher.view()["faulty"].healthy


class Ailing:
    """A server that answers `status` while it is ill; `most` is how many it was asked at once."""

    def __init__(self, status: int, *, seconds: float = 0.0, more: bytes = b"") -> None:
        self.ill = True
        self.spent = b""  # only this key is refused, where there is one
        self.most = self.now = 0
        self.server: RawServer
        self._refusal = HEAD % (status, more) + REPLY
        self._seconds = seconds

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[RawServer]:
        async with raw_server(self._script) as self.server:
            yield self.server

    async def _script(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        refused = self.ill and self.spent in self.server.head
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(self._seconds)
        self.now -= 1
        writer.write(self._refusal if refused else HEAD % (200, b"") + REPLY)


def _dispatcher(new_transport: NewTransport) -> Dispatcher:
    """One whose rests pass on the clock of the test."""
    return Dispatcher(new_transport(), clock=asyncio.get_running_loop().time)


@pytest.mark.parametrize("status", [429, 503])
async def test_a_rest_that_is_asked_of_one_key_is_that_keys_alone(
    new_transport: NewTransport, chat: Chat, status: int
) -> None:
    ailing, dispatcher = Ailing(status, more=b"retry-after: 600\r\n"), Dispatcher(new_transport())
    ailing.spent = b"Bearer spent"
    async with ailing.serving() as server:
        pair = Backend("pair", server.base_url, "m", api_key="spent", api_keys=("fresh",))
        other = Backend("other", server.base_url, "m", api_key="theirs")
        for number in range(12):
            for backend in (pair, other):
                served = await answer(dispatcher, [backend], chat(), f"c{number}")
                assert served[0] == backend.name
        assert server.requests == 26  # the spent key was tried by two
    await dispatcher.close()


@pytest.mark.parametrize("status", [500, 503])
async def test_an_outage_of_all_backends_is_asked_hardly_more_often_than_customers_ask(
    new_transport: NewTransport, chat: Chat, status: int
) -> None:
    ailing, dispatcher, offered = Ailing(status), _dispatcher(new_transport), 600

    async def one(number: int) -> None:
        await asyncio.sleep(number * 30.0 / offered)
        with contextlib.suppress(TurnoutError):
            await answer(dispatcher, [backend], chat(f"say {number}"), f"c{number % 20}")

    async with ailing.serving() as server:
        backend = Backend("ailing", server.base_url, "m", timeouts=PATIENT)
        await asyncio.gather(*map(one, range(offered)))
        assert server.requests <= 1.1 * offered
    await dispatcher.close()


async def test_a_herd_finds_a_backend_that_recovers_one_by_one_first(
    new_transport: NewTransport, chat: Chat
) -> None:
    ailing, dispatcher = Ailing(500), _dispatcher(new_transport)

    async def herd(size: int) -> int:
        asked = [
            answer(dispatcher, [backend], chat(f"say {number}"), f"c{number % 40}")
            for number in range(size)
        ]
        ended = await asyncio.gather(*asked, return_exceptions=True)
        return sum(not isinstance(one, BaseException) for one in ended)

    async with ailing.serving() as server:
        backend = Backend("ailing", server.base_url, "m", timeouts=PATIENT)
        await herd(100)
        assert not dispatcher.view()["ailing"].healthy
        ailing.ill, ailing._seconds = False, 1.0
        most = []
        for _ in range(8):
            await asyncio.sleep(20.0)
            ailing.most = 0
            await herd(100)
            most.append(ailing.most)
        assert next(filter(None, most)) <= 2
        assert most[-1] == 100  # and then all of it
    await dispatcher.close()
