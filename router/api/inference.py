"""The bare ASGI application in front: inference paths go down the corridor, the rest to FastAPI.

A path is matched on the raw bytes of the request line, never on anything rebuilt from the Host
header, and exactly: `//v1//chat`, `%76%31` and `..` are other paths, and there is nothing there.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from router.api.exchange import Exchange, Receive, Scope, Send
from router.errors import MethodNotAllowed
from router.pipeline.gateway import Gateway
from router.pipeline.serve import serve
from router.wire.table import CALCULATIONS, ENDPOINTS, Calculation, Endpoint

Application = Callable[[Scope, Receive, Send], Awaitable[None]]
_ABANDON_SECONDS: Final = 5.0
_ROWS: Final[tuple[Endpoint | Calculation, ...]] = (*ENDPOINTS, *CALCULATIONS)
_ROUTES: Final[Mapping[bytes, Endpoint | Calculation]] = {row.path.encode(): row for row in _ROWS}


class Inference:
    """ASGI: every row of ENDPOINTS and CALCULATIONS, then `rest` for all other paths."""

    def __init__(self, gateway: Gateway, rest: Application) -> None:
        self._gateway = gateway
        self._rest = rest
        self._running: set[asyncio.Task[Any]] = set()

    async def abandon(self) -> None:
        """End what is still in flight, each with an answer that says so; wait until it is settled.

        To be called when the server will wait no longer and before the gateway is taken down.
        """
        running = set(self._running)
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=_ABANDON_SECONDS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        endpoint = None
        if scope["type"] == "http":
            endpoint = _ROUTES.get(scope.get("raw_path") or scope["path"].encode())
        if endpoint is None:
            await self._rest(scope, receive, send)
            return
        limits = self._gateway.limits
        exchange = Exchange(
            endpoint,
            scope,
            receive,
            send,
            body_limit=limits.body,
            body_timeout=limits.body_timeout,
        )
        if scope["method"] != "POST":
            await exchange.fail(
                MethodNotAllowed(
                    f"Not allowed: {endpoint.path} takes POST.", headers=(("allow", "POST"),)
                )
            )
            return
        await self._serve(exchange, endpoint)

    async def _calculate(self, calculation: Calculation, exchange: Exchange) -> None:
        self._gateway.authenticator.authenticate(exchange.authorization)
        await exchange.send(calculation.answer(await exchange.body()))

    async def _serve(self, exchange: Exchange, endpoint: Endpoint | Calculation) -> None:
        if isinstance(endpoint, Calculation):
            await exchange.run(lambda reply: self._calculate(endpoint, reply))
            return
        metrics = self._gateway.metrics
        began = time.perf_counter()
        metrics.in_flight += 1
        task = asyncio.current_task()
        if task is not None:
            self._running.add(task)
        try:
            await exchange.run(lambda reply: serve(self._gateway, endpoint, reply))
        finally:
            if task is not None:
                self._running.discard(task)
            metrics.in_flight -= 1
            status = exchange.status if not exchange.gone else 499
            metrics.answered(exchange.route, exchange.backend, status, time.perf_counter() - began)
