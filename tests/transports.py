"""Every client: what a backend promises is kept over each of them."""

from collections.abc import Callable
from typing import Final, Protocol

from router.backends.transport.httptools_transport import HttptoolsTransport
from router.backends.transport.httpx_transport import HttpxTransport
from router.backends.transport.transport import Transport, Transports


class Client(Transport, Transports, Protocol):
    """What a test gets: one client, which is all clients at once."""


NewTransport = Callable[..., Client]
TRANSPORTS: Final[dict[str, NewTransport]] = {
    "httptools": HttptoolsTransport,
    "httpx": HttpxTransport,
}
