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

from router.backends.backend import Timeouts
from router.backends.transport.header_names import SPELLINGS
from router.backends.transport.httptools_connection import Connection
from router.backends.transport.httptools_request import address_of, written
from router.backends.transport.transport import (
    Answer,
    Call,
    ConnectFailed,
    Target,
    TransportError,
    TransportTimeout,
)

KEEP_ALIVE: Final = 4.0  # seconds; below the 5 that uvicorn and llama.cpp keep a connection
_PLACES_KEPT: Final = 1_000


class Origin:
    """Where connections lead, and those that wait there for their next exchange.

    `listed` is whether the pool looks after them.
    """

    __slots__ = ("host", "idle", "listed", "port", "secure")

    def __init__(self, host: str, port: int, secure: bool) -> None:
        self.host = host
        self.port = port
        self.secure = secure
        self.idle: list[Connection] = []
        self.listed = False


class _Place(NamedTuple):
    """A call's address and headers taken apart once: the origin, and how its requests begin."""

    origin: Origin
    head: bytes


class HttptoolsTransport:
    """Connections to model servers, pooled without limit: capacity is decided elsewhere."""

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._loop: asyncio.AbstractEventLoop | None = None
        self._places: dict[Target, _Place] = {}
        self._origins: dict[tuple[str, int, bool], Origin] = {}
        self._listed: list[Origin] = []  # those with idle connections
        self._sweep: asyncio.TimerHandle | None = None
        self._closed = False

    async def send(self, call: Call) -> Answer:
        """Send a request; see `Transport.send`."""
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
        target = call.target
        origin, head = self._places.get(target) or self._place(target)
        request, body = written(head, call)
        limits = call.timeouts
        began = loop.time()
        end = began + limits.total
        kept = _take(origin.idle, began)
        if kept is not None:
            try:
                await kept.ask(request, body, began + limits.head)
            except TransportError as error:
                if not error.stale:
                    raise
            else:
                return _HttptoolsAnswer(self, kept, origin, limits.between_chunks, end)
        fresh = await self._connect(origin, limits)
        await fresh.ask(request, body, min(loop.time() + limits.first_byte, end))
        return _HttptoolsAnswer(self, fresh, origin, limits.between_chunks, end)

    async def close(self) -> None:
        """Close every connection."""
        self._closed = True
        if self._sweep is not None:
            self._sweep.cancel()
        for origin in self._listed:
            for connection in origin.idle:
                connection.abort()
            origin.idle.clear()
        await asyncio.sleep(0)  # the loop lets go of them

    def give_back(self, connection: Connection, origin: Origin) -> None:
        """Keep a connection whose exchange ended well; close any other."""
        if not connection.reusable or self._closed:
            connection.abort()
            return
        connection.idle_since = connection.loop.time()
        origin.idle.append(connection)
        if not origin.listed:
            origin.listed = True
            self._listed.append(origin)
            if self._sweep is None:
                self._sweep = connection.loop.call_later(KEEP_ALIVE, self._close_old)

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

    def _close_old(self) -> None:
        """Close what was idle for too long, and look again while something is idle."""
        self._sweep = None
        loop = self._loop
        if loop is None or self._closed:
            return
        oldest = loop.time() - KEEP_ALIVE
        for origin in self._listed:
            for connection in origin.idle:
                if connection.lost or connection.idle_since <= oldest:
                    connection.abort()
            origin.idle[:] = [connection for connection in origin.idle if not connection.lost]
            origin.listed = bool(origin.idle)
        self._listed = [origin for origin in self._listed if origin.listed]
        if self._listed:
            self._sweep = loop.call_later(KEEP_ALIVE / 4, self._close_old)

    def _place(self, target: Target) -> _Place:
        if len(self._places) >= _PLACES_KEPT:
            self._places.clear()
            self._origins.clear()
        where, head = address_of(target)
        origin = self._origins.get(where)
        if origin is None:
            origin = self._origins[where] = Origin(*where)
        place = self._places[target] = _Place(origin, head)
        return place


def _take(idle: list[Connection], now: float) -> Connection | None:
    """The connection that was used last, if it is still open and not too old."""
    while idle:
        connection = idle.pop()
        if connection.reusable and now - connection.idle_since < KEEP_ALIVE:
            return connection
        connection.abort()
    return None


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
        if self._connection is None:
            return ""
        fields = self._connection.fields
        sent = SPELLINGS[tuple(fields)].get(name)
        return "" if sent is None else fields[sent].decode("latin-1")

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
