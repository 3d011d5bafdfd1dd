"""Our own client: a pool of connections, parsed by llhttp.

It does what the gateway needs and no more: HTTP/1.1, no redirects, no proxies, no cookies, no
compression. A kept connection that turns out to be closed before it gave a byte is replaced by a
new one, once: the server had let it go and never saw the request.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final, NamedTuple

from router.backends.backend import Backend, Reach, Timeouts
from router.backends.transport.address import Origin, address_of
from router.backends.transport.header_names import SPELLINGS
from router.backends.transport.httptools_connection import HttptoolsConnection
from router.backends.transport.httptools_request import head_of, request_bytes
from router.backends.transport.reach import Resolver
from router.backends.transport.transport import (
    ConnectFailed,
    HttpAnswer,
    HttpCall,
    Target,
    TransportError,
    TransportTimeout,
)

KEEP_ALIVE: Final = 4.0  # seconds; below the 5 that uvicorn and llama.cpp keep a connection
_TARGETS_KEPT: Final = 1_000


class IdleConnections:
    """The connections to one origin that wait for their next exchange.

    `listed` is whether the pool looks after them.
    """

    __slots__ = ("listed", "origin", "waiting")

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.waiting: list[HttptoolsConnection] = []
        self.listed = False


class _Prepared(NamedTuple):
    """What the calls to one target share: idle connections, and how their requests begin."""

    idle: IdleConnections
    head: bytes


class HttptoolsTransport:
    """Connections to model servers, pooled without limit: capacity is decided elsewhere."""

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        keep_alive: float = KEEP_ALIVE,
        reach: Reach = "auto",
    ) -> None:
        """`keep_alive` is how many seconds a connection may be idle; `reach`: `Backend.reach`."""
        self._resolver = Resolver(reach)
        self._tls = tls
        self._keep_alive = keep_alive
        self._loop: asyncio.AbstractEventLoop | None = None
        self._prepared: dict[Target, _Prepared] = {}
        self._idle: dict[Origin, IdleConnections] = {}
        self._listed: list[IdleConnections] = []  # the lists that are not empty
        self._sweep: asyncio.TimerHandle | None = None
        self._closed = False

    async def send(self, call: HttpCall, place: str = "") -> HttpAnswer:
        """Send a request; see `Transport.send`."""
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
        target = call.target
        idle, head = self._prepared.get(target) or self._prepare(target)
        request, body = request_bytes(head, call, place)
        limits = call.timeouts
        began = loop.time()
        end = began + limits.total
        connection = self._take(idle.waiting, began)
        if connection is not None:
            try:
                await connection.ask(request, body, began + limits.head, limits.bytes_per_second)
            except TransportError as error:
                if not error.stale:
                    raise
            else:
                return _HttptoolsAnswer(self, connection, idle, limits.between_chunks, end)
        fresh = await self._connect(idle.origin, limits)
        until = min(loop.time() + limits.first_byte, end)
        await fresh.ask(request, body, until, limits.bytes_per_second)
        return _HttptoolsAnswer(self, fresh, idle, limits.between_chunks, end)

    def client_for(self, backend: Backend, address: str) -> "HttptoolsTransport":
        """Itself; see `Transports.client_for`."""
        return self

    async def close(self) -> None:
        """Close every connection."""
        self._closed = True
        if self._sweep is not None:
            self._sweep.cancel()
        for idle in self._listed:
            for connection in idle.waiting:
                connection.abort()
            idle.waiting.clear()
        await asyncio.sleep(0)  # the loop closes them

    def give_back(self, connection: HttptoolsConnection, idle: IdleConnections) -> None:
        """Keep a connection whose exchange ended well; close any other."""
        if not connection.reusable or self._closed:
            connection.abort()
            return
        connection.idle_since = connection.loop.time()
        idle.waiting.append(connection)
        if not idle.listed:
            idle.listed = True
            self._listed.append(idle)
            if self._sweep is None:
                self._sweep = connection.loop.call_later(self._keep_alive, self._close_old)

    async def _connect(self, origin: Origin, limits: Timeouts) -> HttptoolsConnection:
        try:
            async with asyncio.timeout(min(limits.connect, limits.total)):
                connection = await self._first_of(origin)
        except TimeoutError:
            raise TransportTimeout("did not accept the connection in time") from None
        except ssl.SSLError:
            raise ConnectFailed("has no valid TLS certificate") from None
        except (OSError, ValueError):
            raise ConnectFailed("refused the connection") from None
        if not origin.secure and not connection.is_silent():  # TLS may speak first
            connection.abort()
            raise TransportError("answered before it was asked")
        return connection

    async def _first_of(self, origin: Origin) -> HttptoolsConnection:
        """A connection to the first of its addresses that takes one. Raises OSError."""
        loop = asyncio.get_running_loop()
        tls, name = (self._context(), origin.host) if origin.secure else (None, None)
        *others, last = await self._resolver.addresses(origin.host, origin.port)
        for address in others:
            with contextlib.suppress(OSError):
                return await _connected(loop, address, origin.port, tls, name)
        return await _connected(loop, last, origin.port, tls, name)

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
        oldest = loop.time() - self._keep_alive
        for idle in self._listed:
            for connection in idle.waiting:
                if connection.closed or connection.idle_since <= oldest:
                    connection.abort()
            idle.waiting[:] = [one for one in idle.waiting if not one.closed]
            idle.listed = bool(idle.waiting)
        self._listed = [idle for idle in self._listed if idle.listed]
        if self._listed:
            self._sweep = loop.call_later(self._keep_alive / 4, self._close_old)

    def _take(self, waiting: list[HttptoolsConnection], now: float) -> HttptoolsConnection | None:
        """The connection that was used last, if it is still open and not too old."""
        while waiting:
            connection = waiting.pop()
            if now - connection.idle_since < self._keep_alive and connection.as_new():
                return connection
            connection.abort()
        return None

    def _prepare(self, target: Target) -> _Prepared:
        if len(self._prepared) >= _TARGETS_KEPT:
            self._prepared.clear()
            self._idle.clear()
        address = address_of(target)
        idle = self._idle.get(address.origin)
        if idle is None:
            idle = self._idle[address.origin] = IdleConnections(address.origin)
        prepared = _Prepared(idle, head_of(target, address))
        if not target.once:
            self._prepared[target] = prepared
        return prepared


async def _connected(
    loop: asyncio.AbstractEventLoop,
    address: str,
    port: int,
    tls: ssl.SSLContext | None,
    name: str | None,
) -> HttptoolsConnection:
    _, connection = await loop.create_connection(
        lambda: HttptoolsConnection(loop), address, port, ssl=tls, server_hostname=name
    )
    return connection


class _HttptoolsAnswer:
    """An answer whose connection goes back to its pool, or is closed."""

    __slots__ = ("_connection", "_end", "_idle", "_patience", "_pool", "status")

    def __init__(
        self,
        pool: HttptoolsTransport,
        connection: HttptoolsConnection,
        idle: IdleConnections,
        patience: float,
        end: float,
    ) -> None:
        self._pool = pool
        self._connection: HttptoolsConnection | None = connection
        self._idle = idle
        self._patience = patience
        self._end = end
        self.status: int = connection.status

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers; see `HttpAnswer.headers`."""
        return self._connection.headers if self._connection is not None else {}

    def header(self, name: str) -> str:
        """Return one header; see `HttpAnswer.header`."""
        if self._connection is None:
            return ""
        fields = self._connection.fields
        sent = SPELLINGS[tuple(fields)].get(name)
        return "" if sent is None else fields[sent].decode("latin-1")

    def read(self) -> Coroutine[Any, Any, bytes]:
        """Return the next bytes; see `HttpAnswer.read`."""
        if self._connection is None:
            return _nothing()
        return self._connection.read(self._patience, self._end)

    async def flow(self, take: Callable[[bytes], bool]) -> bool:
        """Hand on what comes; see `HttpAnswer.flow`."""
        if self._connection is None:
            return True
        return await self._connection.flow(take, self._patience, self._end)

    def rest(self) -> bytes | None:
        """Return what is left, if it is there; see `HttpAnswer.rest`."""
        return self._connection.rest() if self._connection is not None else b""

    def close(self) -> None:
        """Give the connection back, or close it; see `HttpAnswer.close`."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._pool.give_back(connection, self._idle)


async def _nothing() -> bytes:
    return b""
