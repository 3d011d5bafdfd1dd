"""The conservative client: httpx, for HTTP/1.1 and HTTP/2, directly or through a proxy.

It costs several times the CPU of our own client (`httptools_transport`) and keeps the same
promises. Its connections are pooled here and not by httpx; `httpx_connection` says why.
"""

import asyncio
import ssl
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from router.backends.backend import Backend, Reach, Timeouts
from router.backends.transport.address import Origin, address_of, check_request_id
from router.backends.transport.httpx_connection import (
    HttpxConnection,
    HttpxRequest,
    encoded,
    proxy_at,
    request_to,
)
from router.backends.transport.reach import Resolver
from router.backends.transport.transport import HttpAnswer, HttpCall, Target, TransportError

KEEP_ALIVE: Final = 4.0  # seconds; below the 5 that uvicorn and llama.cpp keep a connection
_TARGETS_KEPT: Final = 1_000


@dataclass(frozen=True, slots=True)
class NetworkRoute:
    """How an address is reached: through a proxy, `http(s)://[user:password@]host[:port]`, or
    directly; whether HTTP/2 is offered; and where names may lead. Its text does not show the
    proxy: it holds a secret. What is behind a proxy is resolved there.
    """

    proxy: str | None = None
    http2: bool = False
    reach: Reach = "auto"

    def __repr__(self) -> str:
        return f"Route(proxy={'...' if self.proxy else None}, http2={self.http2})"


DIRECT: Final = NetworkRoute()


class HttpxTransport:
    """Connections to model servers, pooled without limit: capacity is decided elsewhere."""

    def __init__(
        self,
        *,
        route: NetworkRoute = DIRECT,
        tls: ssl.SSLContext | None = None,
        keep_alive: float = KEEP_ALIVE,
    ) -> None:
        """`keep_alive` is how many seconds a connection may be idle."""
        # httpx writes into a context which protocols it offers: each transport has its own.
        self._tls = tls or ssl.create_default_context()
        self._proxy = proxy_at(route.proxy, tls) if route.proxy is not None else None
        self._http2 = route.http2
        self._resolver = Resolver(route.reach) if route.proxy is None else None
        self._keep_alive = keep_alive
        self._prepared: dict[Target, tuple[Origin, HttpxRequest]] = {}
        self._idle: defaultdict[Origin, dict[HttpxConnection, asyncio.TimerHandle]]
        self._idle = defaultdict(dict)
        self._closing: set[asyncio.Task[None]] = set()
        self._closed = False

    async def send(self, call: HttpCall, place: str = "") -> HttpAnswer:
        """Send a request; see `Transport.send`."""
        origin, request = self._request(call, place)
        limits, now = call.timeouts, asyncio.get_running_loop().time
        end = now() + limits.total
        connection = self._take(origin)
        if connection is not None:
            try:
                await self._ask(connection, request, limits, min(now() + limits.first_byte, end))
            except TransportError as error:
                if not error.stale:
                    raise
            else:
                return _HttpxAnswer(self, origin, connection, limits.between_chunks, end)
        fresh = HttpxConnection(self._tls, self._proxy, self._http2, self._resolver)
        await self._ask(
            fresh, request, limits, min(now() + limits.connect + limits.first_byte, end)
        )
        return _HttpxAnswer(self, origin, fresh, limits.between_chunks, end)

    def client_for(self, backend: Backend, address: str) -> "HttpxTransport":
        """Itself; see `Transports.client_for`."""
        return self

    async def close(self) -> None:
        """Close every connection."""
        self._closed = True
        for idle in self._idle.values():
            for connection, timer in idle.items():
                timer.cancel()
                self.discard(connection)
        self._idle.clear()
        while self._closing:
            await asyncio.wait(self._closing)

    def give_back(self, origin: Origin, connection: HttpxConnection) -> None:
        """Keep a connection whose exchange ended well; close any other."""
        if not connection.reusable or self._closed:
            self.discard(connection)
            return
        loop, idle = asyncio.get_running_loop(), self._idle[origin]
        idle[connection] = loop.call_later(self._keep_alive, self._expire, origin, connection)

    def discard(self, connection: HttpxConnection) -> None:
        """Close a connection, whatever becomes of the task that calls."""
        task = asyncio.create_task(connection.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _ask(
        self, connection: HttpxConnection, request: HttpxRequest, limits: Timeouts, deadline: float
    ) -> None:
        try:
            await connection.ask(
                request, min(limits.connect, limits.total), deadline, limits.bytes_per_second
            )
        except BaseException:  # a cancelled client's, too
            self.discard(connection)
            raise

    def _expire(self, origin: Origin, connection: HttpxConnection) -> None:
        del self._idle[origin][connection]
        self.discard(connection)

    def _take(self, origin: Origin) -> HttpxConnection | None:
        """The connection that was used last."""
        idle = self._idle.get(origin)
        if not idle:
            return None
        connection, timer = idle.popitem()
        timer.cancel()
        return connection

    def _request(self, call: HttpCall, place: str) -> tuple[Origin, HttpxRequest]:
        origin, request = self._prepared.get(call.target) or self._prepare(call.target)
        headers = request.headers + encoded(call.headers)
        if call.request_id:
            check_request_id(call.request_id)
            headers += ((b"X-Request-Id", call.request_id.encode()),)
        if place:
            headers += ((b"Traceparent", place.encode()),)
        return origin, replace(request, headers=headers, body=call.body)

    def _prepare(self, target: Target) -> tuple[Origin, HttpxRequest]:
        """Take a target apart, once."""
        if len(self._prepared) >= _TARGETS_KEPT:
            self._prepared.clear()
        address = address_of(target)
        prepared = (address.origin, request_to(target, address))
        if not target.once:
            self._prepared[target] = prepared
        return prepared


class _HttpxAnswer:
    """An answer whose connection goes back to the pool, or is closed."""

    def __init__(
        self,
        pool: HttpxTransport,
        origin: Origin,
        connection: HttpxConnection,
        patience: float,
        end: float,
    ) -> None:
        self._pool = pool
        self._origin = origin
        self._connection: HttpxConnection | None = connection
        self._patience = patience
        self._end = end
        self._over = False
        self.status: int = connection.status
        self.headers: Mapping[str, str] = connection.headers

    def header(self, name: str) -> str:
        """Return one header; see `HttpAnswer.header`."""
        return self.headers.get(name, "")

    async def read(self) -> bytes:
        """Return the next bytes; see `HttpAnswer.read`."""
        if self._connection is None or self._over:
            return b""
        piece = await self._connection.read(self._patience, self._end)
        self._over = not piece
        return piece

    async def flow(self, take: Callable[[bytes], bool]) -> bool:
        """Hand on what comes; see `HttpAnswer.flow`."""
        while piece := await self.read():
            if not take(piece):
                return False
        return True

    def rest(self) -> bytes | None:
        """Return what is left, if it is there; see `HttpAnswer.rest`."""
        return b"" if self._over or self._connection is None else None

    def close(self) -> None:
        """Give the connection back, or close it; see `HttpAnswer.close`."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._pool.give_back(self._origin, connection)
