"""One connection of httpx, for one exchange at a time. httpx's errors end here.

Theory of operation. httpx would use a connection again whatever the server sent behind its answer,
and read those bytes as the answer to the next request, which may be another tenant's; and over
HTTP/2 it does not cancel what its reader leaves. So each connection is an httpx transport with room
for one connection, and this module decides whether it may serve again. Bytes that nobody asked
for may be in three places, and all are looked at: in httpx's parser and in the TLS layer, once an
answer was read to its end (`_is_clean`); and in the socket, from which nothing is read meanwhile,
in the moment before the next request is written (`_trace`). An answer that is left takes its
connection along, over HTTP/2 too: there is never a second stream on one.

Whatever httpx raises, or anything below it (httpcore, h11, h2, anyio), becomes a TransportError.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx

from router.backends.transport.address import Address, Headers, check_headers
from router.backends.transport.httpx_network import Network, Said
from router.backends.transport.pace import Pace
from router.backends.transport.reach import Resolver
from router.backends.transport.transport import (
    BodyPieces,
    ConnectFailed,
    Target,
    TransportError,
    TransportTimeout,
)

HEADERS_CAP: Final = 200
_HTTP_2: Final = b"HTTP/2"
_ONE: Final = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=None)
_UNCONNECTED: Final = "did not accept the connection in time"
_LATE: Final = "sent no first byte in time"
_STALLED: Final = "stalled: nothing came within the timeout"
_TOO_LONG: Final = "took longer than the total timeout"
_INVALID: Final = "sent no valid HTTP answer"
_EARLY: Final = "answered before it was asked"
_NO_ANSWER: Final = "closed the connection without an answer"
# What httpx raises before there is an answer, and what it means; the first row that fits.
_MEANINGS: Final[tuple[tuple[type[Exception], type[TransportError], str], ...]] = (
    (httpx.ConnectTimeout, TransportTimeout, _UNCONNECTED),
    (httpx.TimeoutException, TransportTimeout, _LATE),
    (httpx.ProxyError, ConnectFailed, "is behind a proxy that refused the connection"),
    (httpx.LocalProtocolError, TransportError, "cannot be asked: HTTP has no room for a header"),
)


@dataclass(frozen=True, slots=True)
class HttpxRequest:
    """What is sent: all of a request but its timeouts."""

    method: str
    url: httpx.URL
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes | BodyPieces


class _Spoiled(Exception):
    """A kept connection has something to be read before anything was asked."""


class HttpxConnection:
    """An exchange is `ask`, then `read` until it gives nothing. Where it is `reusable` then,
    another one may follow; in any other case the connection is to be closed."""

    def __init__(
        self,
        tls: ssl.SSLContext,
        proxy: httpx.Proxy | None,
        http2: bool,
        resolver: Resolver | None = None,
    ) -> None:
        """`resolver` finds the addresses; None: whoever is asked is said by the operator."""
        self._client = httpx.AsyncHTTPTransport(
            verify=tls, trust_env=False, http2=http2, proxy=proxy, limits=_ONE
        )
        self._said = Said()
        pool: Any = self._client._pool  # noqa: SLF001 # httpx passes no network on to it
        pool._network_backend = Network(pool._network_backend, self._said, resolver)  # noqa: SLF001
        self._pace = Pace(0, 0.0)
        self._proxy_has_tls = proxy is not None and proxy.url.scheme == "https"
        self._plain = False  # nothing is encrypted
        self._nested = False  # TLS within TLS: one of the two cannot be inspected
        self._socket: Any = None  # httpcore's stream of bytes, from the moment it is connected
        self._response: httpx.Response | None = None
        self._pieces: AsyncIterator[bytes] | None = None
        self._parser: Any = None  # h11's, once an answer came over HTTP/1.1
        self._used = False  # an earlier exchange ended well on this connection
        self.reusable = False

    @property
    def status(self) -> int:
        """The answer's status."""
        return self._response.status_code if self._response is not None else 0

    @property
    def headers(self) -> Mapping[str, str]:
        """The answer's headers, names in lower case; the last header of a name wins."""
        raw = self._response.headers.raw if self._response is not None else ()
        return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in raw}

    async def ask(
        self, request: HttpxRequest, connect: float, deadline: float, least: int = 0
    ) -> None:
        """Send a request and wait for the head of its answer.

        `connect` in seconds, `deadline` an instant of the loop's clock, `least` bytes a second (see
        `Timeouts`). Raises TransportError.
        """
        self.reusable = False
        self._nested = self._proxy_has_tls and request.url.scheme == "https"
        self._plain = not self._proxy_has_tls and request.url.scheme == "http"
        try:
            async with asyncio.timeout_at(deadline):
                response = await self._client.handle_async_request(self._sent(request, connect))
        except TimeoutError:
            raise TransportTimeout(_LATE if self._socket is not None else _UNCONNECTED) from None
        except Exception as error:  # noqa: BLE001 # whatever it is, the exchange failed
            raise self._unanswered(error) from None
        self._said.answered()
        compressed = "content-encoding" in response.headers
        self._pace = Pace(0 if compressed else least, asyncio.get_running_loop().time())
        self._response = response
        self._pieces = aiter(_stream_of(response))
        self._parser = _parser_of(self._client)
        if response.status_code < 200 or len(response.headers.raw) > HEADERS_CAP:
            raise TransportError(_INVALID)

    def _sent(self, request: HttpxRequest, connect: float) -> httpx.Request:
        body, headers = request.body, request.headers
        if not isinstance(body, bytes):
            headers += ((b"Content-Length", b"%d" % len(body)),)
        return httpx.Request(
            request.method,
            request.url,
            headers=headers,
            content=body if isinstance(body, bytes) else _one_by_one(body),
            extensions={"timeout": {"connect": connect}, "trace": self._trace},
        )

    async def _trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Take note of what httpx does next.

        The socket is kept as soon as there is one: httpx does not close it for a client that
        leaves during the TLS handshake. It is also checked before a kept connection is asked.
        """
        if event == "connection.connect_tcp.complete":
            self._socket = info["return_value"]
            self._used = False
            return
        if not event.endswith(".send_request_headers.started"):
            return
        self._said.asked()
        alone = self._plain and event.startswith("http11.")  # TLS and HTTP/2 may speak first
        if (self._used or alone) and self._socket.get_extra_info("is_readable"):
            raise _Spoiled

    async def read(self, patience: float, deadline: float) -> bytes:
        """Return the next bytes as they come; empty at the end.

        `patience` in seconds; `deadline` an instant of the loop's clock. Raises TransportError.
        """
        if self._pieces is None:
            return b""
        now = asyncio.get_running_loop().time()
        until = min(now + patience, deadline)
        self._pace.look(now, patience)
        try:
            async with asyncio.timeout_at(until):
                while not (piece := await anext(self._pieces)):
                    pass
        except StopAsyncIteration:
            await self._end()
            return b""
        except TimeoutError:
            raise TransportTimeout(_STALLED if until < deadline else _TOO_LONG) from None
        except Exception:  # noqa: BLE001 # whatever it is, the answer is not whole
            raise TransportError("broke off its answer") from None
        self._pace.take(piece)
        return piece

    async def _end(self) -> None:
        """The answer is whole: check whether the connection may be used again."""
        response, self._pieces = self._response, None
        if response is not None:
            with contextlib.suppress(Exception):  # then it is not used again
                await response.aclose()
                self._used = self.reusable = self._is_clean(response)

    def _is_clean(self, response: httpx.Response) -> bool:
        """Whether the server kept the connection open and sent nothing behind its answer."""
        connections = self._client._pool.connections  # noqa: SLF001 # see `_parser_of`
        if self._socket is None or len(connections) != 1 or not connections[0].is_idle():
            return False
        stream = response.extensions["network_stream"]
        tls: ssl.SSLObject | None = stream.get_extra_info("ssl_object")
        if tls is not None and (self._nested or not _is_drained(tls)):
            return False
        if response.extensions["http_version"] == _HTTP_2:
            return True  # a frame names the request that it answers
        return _unread(self._parser) == b""

    async def close(self) -> None:
        """Close at once."""
        self.reusable = False
        everything: tuple[Any, ...] = (self._response, self._pieces, self._client, self._socket)
        self._pieces = None
        for each in everything:
            if each is not None:
                with contextlib.suppress(Exception):  # it is closed already, or broken
                    await each.aclose()

    def _unanswered(self, error: Exception) -> TransportError:
        """What the failure of an exchange before its answer means."""
        if isinstance(error, TransportError):
            return error
        if isinstance(error, _Spoiled):
            return TransportError(_NO_ANSWER if self._used else _EARLY, stale=self._used)
        for raised, kind, text in _MEANINGS:
            if isinstance(error, raised):
                return kind(text)
        if isinstance(error, httpx.ConnectError):
            return ConnectFailed(_why_unconnected(error))
        # httpx has one error for a server that closes and one that talks nonsense.
        if isinstance(error, httpx.NetworkError) or str(error).startswith("Server disconnected"):
            return TransportError(_NO_ANSWER, stale=self._used and not _unread(self._parser))
        return TransportError(_INVALID)


async def _one_by_one(body: BodyPieces) -> AsyncIterator[bytes]:
    for piece in body:
        yield piece


def request_to(target: Target, address: Address) -> HttpxRequest:
    """Return what requests to a target have in common. Raises TransportError."""
    scheme = "https" if address.origin.secure else "http"
    try:
        url = httpx.URL(f"{scheme}://{address.authority}{address.path}")
    except httpx.InvalidURL:
        raise TransportError("has an address that cannot be read") from None
    return HttpxRequest(target.method, url, encoded(target.headers), b"")


def encoded(headers: Headers) -> tuple[tuple[bytes, bytes], ...]:
    """Return headers as bytes. Raises TransportError where one would be two lines."""
    check_headers(headers)
    return tuple((name.encode(), value.encode()) for name, value in headers)


def proxy_at(url: str, tls: ssl.SSLContext | None) -> httpx.Proxy:
    """Return the proxy at this URL; one behind TLS has to show a certificate, too."""
    if not url.startswith("https:"):
        return httpx.Proxy(url)
    return httpx.Proxy(url, ssl_context=tls or ssl.create_default_context())


def _stream_of(response: httpx.Response) -> httpx.AsyncByteStream:
    """The body as it comes: unlike httpx's own readers, it unpacks nothing."""
    stream = response.stream
    if not isinstance(stream, httpx.AsyncByteStream):
        raise TypeError("httpx answered with a stream of another kind")
    return stream


def _parser_of(client: httpx.AsyncHTTPTransport) -> Any:
    """h11's parser of a connection; None over HTTP/2.

    httpx has no public way to ask what it holds behind an answer. Where a later httpx is built in
    another way, nothing is found, and no connection is used again: slow, but never wrong.
    """
    part: Any = next(iter(client._pool.connections), None)  # noqa: SLF001
    while part is not None:
        parser = getattr(part, "_h11_state", None)
        if parser is not None:
            return parser
        part = getattr(part, "_connection", None)  # a proxy's tunnel has one inside
    return None


def _is_drained(tls: ssl.SSLObject) -> bool:
    """Whether nothing is left to be decrypted; what is left is lost."""
    try:
        tls.read(1)
    except ssl.SSLWantReadError:
        return True
    except ssl.SSLError:  # the end of the connection, for example
        pass
    return False


def _unread(parser: Any) -> bytes | None:
    """What came and was not read as part of an answer; None where that cannot be known."""
    trailing = getattr(parser, "trailing_data", None)
    return None if trailing is None else bytes(trailing[0])


def _why_unconnected(error: Exception) -> str:
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLError):
            return "has no valid TLS certificate"
        if isinstance(cause, socket.gaierror):
            return "has an unknown host name"
    return "refused the connection"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what it was raised from."""
    at: BaseException | None = error
    while at is not None:
        yield at
        at = at.__cause__ or at.__context__
