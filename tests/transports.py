"""Every client: what a backend promises is kept over each of them."""

import ssl
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Final, Protocol

import pytest

from router.backends.backend import Backend
from router.backends.transport.httptools_transport import HttptoolsTransport
from router.backends.transport.httpx_transport import HttpxTransport, NetworkRoute
from router.backends.transport.transport import HttpAnswer, HttpCall, Transport, Transports


class Client(Transport, Transports, Protocol):
    """What a test gets: one client, which is all clients at once."""


NewTransport = Callable[..., Client]
TRANSPORTS: Final[dict[str, NewTransport]] = {
    "httptools": HttptoolsTransport,
    "httpx": HttpxTransport,
}
HTTP_2: Final = "httpx-http2"


def over_http2(trusting: ssl.SSLContext) -> NewTransport:
    """Builds httpx's client so that it offers HTTP/2."""
    return partial(HttpxTransport, route=NetworkRoute(http2=True), tls=trusting)


def is_over_http2(request: pytest.FixtureRequest) -> bool:
    """Whether the test that asks is of HTTP/2."""
    callspec = getattr(request.node, "callspec", None)
    return callspec is not None and callspec.params.get("new_transport") == HTTP_2


class Counted:
    """Clients that count how often each backend is asked, by its name."""

    def __init__(self, client: Client, asked: Counter[str]) -> None:
        self._client = client
        self._asked = asked

    def client_for(self, backend: Backend, address: str) -> Transport:
        return _CountedFor(self._client, self._asked, backend.name)

    async def close(self) -> None:
        await self._client.close()


class _CountedFor:
    def __init__(self, client: Client, asked: Counter[str], backend: str) -> None:
        self._client = client
        self._asked = asked
        self._backend = backend

    async def send(self, call: HttpCall, place: str = "") -> HttpAnswer:
        self._asked[self._backend] += 1
        return await self._client.send(call, place)
