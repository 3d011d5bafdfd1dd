"""How a gateway stops: it says so first, then takes nothing new, then finishes what it has.

Theory of operation. Load balancers learn from `/readyz` that a gateway goes, and take a moment to
learn it. So after SIGTERM it answers 503 there and serves on for `notice`, asking each client to
close its connection behind the answer: what is sent meanwhile is not lost. Then the listeners are
closed, and requests in flight may end. Those that have not when `drain` is over, counted from the
signal, are ended with an error that says so, and settled. A second signal skips all of this.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

from uvicorn.server import ServerState

from router.api.gateway import Gateway

_LOG = logging.getLogger("turnout")
_CLOSE: Final = [(b"connection", b"close")]


class Server(Protocol):
    """A listener and its connections."""

    server_state: ServerState

    def end(self, *, at_once: bool = False) -> None:
        """Stop after what is in flight, or without waiting for it."""


class Stopping:
    """The end of one process. `begin` it any number of times; `over` when the servers are."""

    def __init__(
        self,
        gateway: Gateway,
        servers: Sequence[Server],
        abandon: Callable[[], Awaitable[None]],
        notice: float | None,
        drain: float,
    ) -> None:
        """`abandon` ends what is in flight; `notice` and `drain` are seconds, None: no notice."""
        self._gateway = gateway
        self._servers = servers
        self._abandon = abandon
        self._notice = min(notice or 0.0, drain)
        self._drain = drain
        self._task: asyncio.Task[None] | None = None

    def begin(self, *, noticed: bool = False) -> None:
        """Stop; a second time, at once. `noticed`: nobody needs to learn of it first."""
        _LOG.info("stopping", extra={"in_flight": self._gateway.metrics.in_flight})
        self._gateway.ready = False
        if self._task is None:
            seconds = 0.0 if noticed else self._notice
            self._task = asyncio.get_running_loop().create_task(self._run(seconds))
        else:
            self._end(at_once=True)

    def over(self) -> None:
        """Wait for nothing more."""
        if self._task is not None:
            self._task.cancel()

    async def _run(self, notice: float) -> None:
        for server in self._servers:
            server.server_state.default_headers = list(_CLOSE)
        if notice:
            await asyncio.sleep(notice)
        self._end()
        await asyncio.sleep(self._drain - notice)
        in_flight = self._gateway.metrics.in_flight
        _LOG.warning("requests outlasted `stop.drain`", extra={"in_flight": in_flight})
        await self._abandon()
        self._end(at_once=True)

    def _end(self, *, at_once: bool = False) -> None:
        for server in self._servers:
            server.end(at_once=at_once)
