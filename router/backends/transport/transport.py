"""The seam to the network: send a request, read its answer in pieces.

Every client behind it follows no redirect, unpacks nothing, keeps no cookie, reads no environment,
checks certificates, pools connections, and never uses a connection again whose answer was not read
to its end, or that brought a byte nobody asked for. Foreign exceptions end in the client: callers
see `TransportError` and its two kinds.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, NamedTuple, Protocol

from policies.value import value
from router.backends.backend import Backend, Timeouts

ONE_PIECE: Final = 256 * 1024  # bytes of a body that are written at once
Pieces = Iterable[bytes | memoryview]


class TransportError(Exception):
    """The exchange failed below HTTP. The text is ours: it holds no address and no header.

    `stale` is true where a kept connection was found closed before any answer: the server never
    saw the request, so it may be sent again.
    """

    def __init__(self, reason: str, *, stale: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.stale = stale


class ConnectFailed(TransportError):
    """No connection: refused, unreachable, name unknown, or the certificate is not good."""


class TransportTimeout(TransportError):
    """One of the timeouts passed; the text names which."""


class Target(NamedTuple):
    """Where calls go, and the headers that all of them have; nothing is remembered of one that is
    asked `once`."""

    url: str
    headers: tuple[tuple[str, str], ...]
    method: str = "POST"
    once: bool = False


class BodyPieces(Protocol):
    """A body that is not held in memory: a file on its way."""

    def __len__(self) -> int:
        """Its length in bytes."""

    def __iter__(self) -> Iterator[bytes]:
        """Its bytes in pieces, from the beginning."""


def in_pieces(body: bytes | BodyPieces) -> Pieces:
    """A body in pieces that may be written one by one, and again; none of them is copied."""
    if not isinstance(body, bytes):
        return body
    whole = memoryview(body)
    return [whole[at : at + ONE_PIECE] for at in range(0, len(body), ONE_PIECE)]


@value
class HttpCall:
    """One HTTP request to a model server. `target` is the same for many calls, `request_id` is
    sent as one more header where there is one, and so are `headers`. A body in pieces is written as
    fast as the server reads; such a call has no `request_id`."""

    target: Target
    body: bytes | BodyPieces
    timeouts: Timeouts
    request_id: str = ""
    headers: tuple[tuple[str, str], ...] = ()

    def whole_body(self) -> bytes:
        """The body at once."""
        return self.body if isinstance(self.body, bytes) else b"".join(self.body)


class HttpAnswer(Protocol):
    """The head of an answer, and its body to be read."""

    @property
    def status(self) -> int:
        """The HTTP status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers; names in any case."""

    def header(self, name: str) -> str:
        """One header by its name in lower case, empty where there is none: cheaper than all."""

    async def read(self) -> bytes:
        """The next bytes as they come, empty at the end; TransportError where it breaks off."""

    async def flow(self, take: Callable[[bytes], bool]) -> bool:
        """Hand what comes to `take`, piece by piece, while it returns true; its exceptions are
        raised here. Whether the body came to its end; TransportError where it breaks off."""

    def rest(self) -> bytes | None:
        """All that was not read yet, if it has come already; None where one has to wait."""

    def close(self) -> None:
        """Give the connection back where the body was read to its end, else close it at once."""


class Transport(Protocol):
    """A client with a pool of connections."""

    async def send(self, call: HttpCall, place: str = "") -> HttpAnswer:
        """Send a request and await the head of its answer; TransportError where there is none.

        `place`, where it is in a trace, is sent as one more header: `traceparent`.
        """


class Transports(Protocol):
    """All clients there are. One client alone is this too: it takes every call."""

    def client_for(self, backend: Backend, address: str) -> Transport:
        """The client for calls to this address of a backend: asked once, not for each call."""

    async def close(self) -> None:
        """Close every connection."""
