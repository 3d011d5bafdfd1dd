"""The transport of our own: a pool of connections, parsed by llhttp. Its exceptions end here.

It does what the gateway needs and no more: HTTP/1.1, no redirects, no proxies, no cookies, no
compression. A kept connection that turns out to be closed before it gave a byte is replaced by a
new one, once: the server had let it go and never saw the request.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlsplit

from router.backends.backend import Timeouts
from router.backends.httptools_connection import Connection
from router.backends.transport import (
    Answer,
    Call,
    ConnectFailed,
    TransportError,
    TransportTimeout,
)

KEEP_ALIVE: Final = 4.0  # seconds; below the 5 that uvicorn and llama.cpp keep a connection
_PLACES_KEPT: Final = 1_000
_ONE_WRITE: Final = 64 * 1024  # bytes; a longer body is not copied behind its head
_ADDED_LINE: Final = "cannot be asked: a header or credential holds a line break"
_PATH_SIGNS: Final = "/%:@!$&'()*+,;=~-._"


class Origin(NamedTuple):
    """Where a connection leads."""

    host: str
    port: int
    secure: bool


class _Place(NamedTuple):
    """A call's address and headers taken apart once: the origin, and how its requests begin."""

    origin: Origin
    head: bytes


class HttptoolsTransport:
    """Connections to model servers, pooled without limit: capacity is decided elsewhere."""

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._loop: asyncio.AbstractEventLoop | None = None
        self._places: dict[tuple[Any, ...], _Place] = {}
        self._idle: dict[Origin, list[Connection]] = {}
        self._sweep: asyncio.TimerHandle | None = None
        self._closed = False

    async def send(self, call: Call) -> Answer:
        """Send a request; see `Transport.send`."""
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
        known = (call.method, call.url, call.headers)
        place = self._places.get(known) or self._place(known)
        request = _request(place.head, call)
        limits = call.timeouts
        began = loop.time()
        end = began + limits.total
        kept = self._take(place.origin, began)
        if kept is not None:
            try:
                await kept.ask(request, min(began + limits.first_byte, end))
            except TransportError as error:
                if not error.stale:
                    raise
            else:
                return _HttptoolsAnswer(self, kept, place.origin, limits.between_chunks, end)
        fresh = await self._connect(place.origin, limits)
        await fresh.ask(request, min(loop.time() + limits.first_byte, end))
        return _HttptoolsAnswer(self, fresh, place.origin, limits.between_chunks, end)

    async def close(self) -> None:
        """Close every connection."""
        self._closed = True
        if self._sweep is not None:
            self._sweep.cancel()
        idle, self._idle = self._idle, {}
        for connections in idle.values():
            for connection in connections:
                connection.abort()
        await asyncio.sleep(0)  # the loop lets go of them

    def give_back(self, connection: Connection, origin: Origin) -> None:
        """Keep a connection whose exchange ended well; close any other."""
        loop = self._loop
        if not connection.reusable or connection.lost or self._closed or loop is None:
            connection.abort()
            return
        connection.idle_since = loop.time()
        self._idle.setdefault(origin, []).append(connection)
        if self._sweep is None:
            self._sweep = loop.call_later(KEEP_ALIVE, self._close_old)

    async def _connect(self, origin: Origin, limits: Timeouts) -> Connection:
        loop = asyncio.get_running_loop()
        tls = self._context() if origin.secure else None
        name = origin.host if origin.secure else None
        try:
            async with asyncio.timeout(min(limits.connect, limits.total)):
                _, connection = await loop.create_connection(
                    lambda: Connection(loop),
                    origin.host,
                    origin.port,
                    ssl=tls,
                    server_hostname=name,
                )
        except TimeoutError:
            raise TransportTimeout("did not accept the connection in time") from None
        except ssl.SSLError:
            raise ConnectFailed("has no valid TLS certificate") from None
        except socket.gaierror:
            raise ConnectFailed("has an unknown host name") from None
        except (OSError, ValueError):
            raise ConnectFailed("refused the connection") from None
        return connection

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls

    def _take(self, origin: Origin, now: float) -> Connection | None:
        """The connection that was used last, if it is still open and not too old."""
        idle = self._idle.get(origin)
        while idle:
            connection = idle.pop()
            young = now - connection.idle_since < KEEP_ALIVE
            if young and connection.reusable and not connection.lost:
                return connection
            connection.abort()
        return None

    def _close_old(self) -> None:
        """Close what was idle for too long, and look again while something is idle."""
        self._sweep = None
        loop = self._loop
        if loop is None or self._closed:
            return
        oldest = loop.time() - KEEP_ALIVE
        for origin, connections in list(self._idle.items()):
            for connection in connections:
                if connection.lost or connection.idle_since <= oldest:
                    connection.abort()
            kept = [connection for connection in connections if not connection.lost]
            if kept:
                self._idle[origin] = kept
            else:
                del self._idle[origin]
        if self._idle:
            self._sweep = loop.call_later(KEEP_ALIVE / 4, self._close_old)

    def _place(self, known: tuple[str, str, tuple[tuple[str, str], ...]]) -> _Place:
        if len(self._places) >= _PLACES_KEPT:
            self._places.clear()
        place = self._places[known] = _place_of(*known)
        return place


class _HttptoolsAnswer:
    """An answer whose connection goes back to its pool, or is closed."""

    __slots__ = ("_connection", "_end", "_origin", "_patience", "_pool", "status")

    def __init__(
        self,
        pool: HttptoolsTransport,
        connection: Connection,
        origin: Origin,
        patience: float,
        end: float,
    ) -> None:
        self._pool = pool
        self._connection: Connection | None = connection
        self._origin = origin
        self._patience = patience
        self._end = end
        self.status: int = connection.status

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers; see `Answer.headers`."""
        return self._connection.headers if self._connection is not None else {}

    def header(self, name: str) -> str:
        """Return one header; see `Answer.header`."""
        return self._connection.header(name) if self._connection is not None else ""

    def read(self) -> Coroutine[Any, Any, bytes]:
        """Return the next bytes; see `Answer.read`."""
        if self._connection is None:
            return _nothing()
        return self._connection.read(self._patience, self._end)

    async def flow(self, take: Callable[[bytes], bool]) -> bool:
        """Hand on what comes; see `Answer.flow`."""
        if self._connection is None:
            return True
        return await self._connection.flow(take, self._patience, self._end)

    def rest(self) -> bytes | None:
        """Return what is left, if it is there; see `Answer.rest`."""
        return self._connection.rest() if self._connection is not None else b""

    def close(self) -> None:
        """Let go of the connection; see `Answer.close`."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._pool.give_back(connection, self._origin)


async def _nothing() -> bytes:
    return b""


def _place_of(method: str, url: str, headers: tuple[tuple[str, str], ...]) -> _Place:
    """Take an address apart, and write what the requests there have in common.

    Raises TransportError for an address that is none, and where a header would add a line.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
        host = parts.hostname or ""
        host = host if host.isascii() else host.encode("idna").decode()
    except (ValueError, UnicodeError):
        raise TransportError("has an address that cannot be read") from None
    if parts.scheme not in ("http", "https") or not host:
        raise TransportError("has an address that cannot be read")
    secure = parts.scheme == "https"
    target = quote(parts.path or "/", safe=_PATH_SIGNS)
    if parts.query:
        target += "?" + quote(parts.query, safe=_PATH_SIGNS + "?")
    shown = f"[{host}]" if ":" in host else host
    if port is not None:
        shown += f":{port}"
    origin = Origin(host, port or (443 if secure else 80), secure)
    fields = "".join(f"{name}: {value}\r\n" for name, value in headers)
    if fields.count("\n") != len(headers) or fields.count("\r") != len(headers):
        raise TransportError(_ADDED_LINE)
    return _Place(origin, f"{method} {target} HTTP/1.1\r\nHost: {shown}\r\n{fields}".encode())


def _request(head: bytes, call: Call) -> tuple[bytes, ...]:
    """The bytes of a request. Raises TransportError where its id would add a line."""
    body, request_id = call.body, call.request_id
    if request_id:
        if not request_id.isprintable():
            raise TransportError(_ADDED_LINE)
        head += b"X-Request-Id: %b\r\n" % request_id.encode()
    if body or call.method == "POST":
        head += b"Content-Length: %d\r\n" % len(body)
    if len(body) <= _ONE_WRITE:
        return (b"%b\r\n%b" % (head, body),)
    return head + b"\r\n", body
