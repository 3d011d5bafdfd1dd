"""Every client: what a backend promises is kept over each of them."""

import ssl
from collections.abc import Callable
from functools import partial
from typing import Final, Protocol

from router.backends.transport.httptools_transport import HttptoolsTransport
from router.backends.transport.httpx_transport import HttpxTransport, Route
from router.backends.transport.transport import Transport, Transports


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
    return partial(HttpxTransport, route=Route(http2=True), tls=trusting)
