"""The transport of our own: a pool of connections, parsed by llhttp. Its exceptions end here.

It does what the gateway needs and no more: HTTP/1.1, no redirects, no proxies, no cookies, no
compression. A kept connection that turns out to be closed before it gave a byte is replaced by a
new one, once: the server had let it go and never saw the request.
"""

import asyncio
import socket
import ssl
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Final
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
_PATH_SIGNS: Final = "/%:@!$&'()*+,;=~-._"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a connection leads."""

    host: str
    port: int
    secure: bool


@dataclass(frozen=True, slots=True)
class _Place:
    """An address taken apart once: the origin, and how a request to it begins."""

    origin: Origin
    head: str  # what follows the method


class HttptoolsTransport:
    """Connections to model servers, pooled without limit: capacity is decided elsewhere."""

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._loop: asyncio.AbstractEventLoop | None = None
        self._places: dict[str, _Place] = {}
        self._idle: dict[Origin, list[Connection]] = {}
        self._sweep: asyncio.TimerHandle | None = None
        self._closed = False

    async def send(self, call: Call) -> Answer:
        """Send a request; see `Transport.send`."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        place = self._places.get(call.url) or self._place(call.url)
        request = _request(place, call)
        limits = call.timeouts
        end = self._loop.time() + limits.total
        kept = self._take(place.origin)
        if kept is not None:
            try:
                return await self._ask(kept, place.origin, request, limits, end)
            except TransportError as error:
                if not error.stale:
                    raise
        fresh = await self._connect(place.origin, limits)
        return await self._ask(fresh, place.origin, request, limits, end)

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

    async def _ask(
        self,
        connection: Connection,
        origin: Origin,
        request: tuple[bytes, ...],
        limits: Timeouts,
        end: float,
    ) -> Answer:
        try:
            first = min(connection.now() + limits.first_byte, end)
            await connection.ask(request, first)
        except BaseException:
            connection.abort()
            raise
        return _HttptoolsAnswer(self, connection, origin, limits.between_chunks, end)

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

    def _take(self, origin: Origin) -> Connection | None:
        """The connection that was used last, if it is still open and not too old."""
        idle = self._idle.get(origin)
        while idle:
            connection = idle.pop()
            young = connection.now() - connection.idle_since < KEEP_ALIVE
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

    def _place(self, url: str) -> _Place:
        if len(self._places) >= _PLACES_KEPT:
            self._places.clear()
        place = self._places[url] = _place_of(url)
        return place


class _HttptoolsAnswer:
    """An answer whose connection goes back to its pool, or is closed."""

    __slots__ = ("_connection", "_end", "_origin", "_patience", "_pool", "headers", "status")

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
        self.headers: Mapping[str, str] = connection.headers

    def read(self) -> Coroutine[Any, Any, bytes]:
        """Return the next bytes; see `Answer.read`."""
        if self._connection is None:
            return _nothing()
        return self._connection.read(self._patience, self._end)

    def close(self) -> None:
        """Let go of the connection; see `Answer.close`."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._pool.give_back(connection, self._origin)


async def _nothing() -> bytes:
    return b""


def _place_of(url: str) -> _Place:
    """Take an address apart. Raises TransportError for one that is none."""
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
    return _Place(origin, f" {target} HTTP/1.1\r\nHost: {shown}\r\n")


def _request(place: _Place, call: Call) -> tuple[bytes, ...]:
    """The bytes of a request. Raises TransportError where a header would add a line."""
    lines = [f"{name}: {value}\r\n" for name, value in call.headers]
    fields = "".join(lines)
    if fields.count("\n") != len(lines) or fields.count("\r") != len(lines):
        raise TransportError("cannot be asked: a header or credential holds a line break")
    length = f"Content-Length: {len(call.body)}\r\n" if call.body or call.method == "POST" else ""
    head = f"{call.method}{place.head}{fields}{length}\r\n".encode()
    if len(call.body) <= _ONE_WRITE:
        return (head + call.body,)
    return head, call.body
