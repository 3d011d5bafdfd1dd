"""The inference endpoints: one task a request, from its head to the last byte of its answer."""

import asyncio
import logging
import time
from collections.abc import Coroutine
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from router.api.cors import Cors
from router.api.door import Door
from router.api.exchange import Exchange
from router.api.farewell import Drain
from router.api.feedback import Opinions
from router.api.gateway import Gateway, Limits, SocketLimits
from router.api.heads import FORWARDED
from router.api.refusal import refusal
from router.api.websocket.memory import Room
from router.domain import Principal
from router.errors import (
    BadRequest,
    MethodNotAllowed,
    TurnoutError,
    Unauthenticated,
    Unavailable,
    UpgradeRequired,
    retry_after,
)
from router.operations.operation import Count, Operation, Preparation, Row
from router.operations.paths import ROUTES, row_at
from router.pipeline.count import count
from router.pipeline.serve import serve
from router.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from router.api.websocket.turn import Turn

_LOG = logging.getLogger(__name__)
_ABANDON_SECONDS: Final = 5.0
_LAST_SECONDS: Final = 1.0
_FAILED: Final = "The gateway failed on this request; it has been logged."
_STOPPING: Final = "The gateway is stopping and could not finish this. Please send it again."
_NO_OFFER: Final = (
    "The offer of a WebSocket did not arrive whole: a proxy in front of this gateway has to pass "
    "`Upgrade` and `Connection: upgrade` on, over HTTP/1.1. The same is served by POST."
)
_SOCKETS_KEY: Final = b"sec-websocket-key"
_OPTIONS: Final = b"OPTIONS"


def _not_allowed(exchange: Exchange) -> BadRequest:
    """Why a request cannot be served by this method."""
    if _SOCKETS_KEY in exchange.fields:  # proxies drop the rest of the offer, and keep that
        return UpgradeRequired(_NO_OFFER, headers=(("upgrade", "websocket"),))
    row = exchange.row
    methods = ", ".join(method.decode() for method in row.methods)
    message = f"Not allowed: {row.path} takes {methods}."
    return MethodNotAllowed(message, headers=(_allow(row),))


class Inference:
    """Every row that is asked at a path, served by one gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._running: set[asyncio.Task[Any]] = set()
        self.limits: Limits = gateway.limits
        self.cors: Cors | None = gateway.cors
        self.door: Door = gateway.door
        self.drain = Drain()

    # Return the endpoint at a raw path, or None; most requests match by their whole target, others
    # by their path without its query.
    row = staticmethod(ROUTES.get)
    # What is written to a connection whose request never became one.
    refusal = staticmethod(refusal)

    def row_at(self, path: bytes, query: bytes, method: bytes) -> Row | None:
        """Return the endpoint at a path without its query: the house's own, else a declared one."""
        row = row_at(path, query)
        if row is not None:
            return row
        return self._gateway.serving.snapshot.declared.at(path, query, method)

    @property
    def sockets(self) -> SocketLimits:
        """What a WebSocket may be."""
        return self._gateway.sockets

    @cached_property
    def room(self) -> Room:
        """What all WebSockets may remember."""
        return Room(self._gateway.sockets.total_memory)

    @property
    def metrics(self) -> Metrics:
        """What is counted of the gateway."""
        return self._gateway.metrics

    def authenticate(self, authorization: bytes | None) -> Principal:
        """Return who asks. Raises Unauthenticated."""
        return self._gateway.serving.authenticator.authenticate(authorization)

    async def abandon(self) -> None:
        """End what is still in flight, each with an answer that says so; wait until it is settled.

        To be called when the server will wait no longer and before the gateway is taken down.
        """
        running = set(self._running)
        for seconds in (_ABANDON_SECONDS, _LAST_SECONDS):  # the second time without an answer
            for task in running:
                task.cancel()
            if running:
                _, running = await asyncio.wait(running, timeout=seconds)

    async def serve(self, exchange: "Exchange | Turn") -> None:
        """Answer one request, whatever happens; a client that left gets nothing."""
        task = asyncio.current_task()
        metrics = self._gateway.metrics
        began = time.perf_counter()
        metrics.in_flight += 1
        self._running.add(task)  # type: ignore[arg-type] # we run in a task
        try:
            await self._walk(exchange)
        except asyncio.CancelledError:
            task.uncancel()  # type: ignore[union-attr]
            if not exchange.disconnected:  # it is not the client who ended it: the gateway stops
                await exchange.fail(Unavailable(_STOPPING, headers=retry_after(1000)))
        except Unauthenticated as error:
            await exchange.fail(self._doubt(exchange, error))
        except TurnoutError as error:
            self._note(exchange, error)
            await exchange.fail(error)
        except Exception:  # noqa: BLE001 - the last resort: logged, told to the client, survived
            _LOG.exception("a request failed inside the gateway", extra={"request_id": exchange.id})
            exchange.headers.clear()
            await exchange.fail(TurnoutError(_FAILED))
        finally:
            exchange.close()
            self._running.discard(task)
            metrics.in_flight -= 1
            if isinstance(exchange.row, Operation):
                status = 499 if exchange.gone else exchange.status
                seconds = time.perf_counter() - began
                metrics.answered(exchange.route, exchange.backend, status, seconds)

    def _doubt(self, exchange: "Exchange | Turn", error: Unauthenticated) -> TurnoutError:
        """What a client is told that has no key: too many of its address have to wait."""
        if not isinstance(exchange, Exchange):
            return error  # the key was good when the WebSocket was opened
        forwarded = exchange.fields.get(FORWARDED, b"")
        limited = self.door.wrong_key(exchange.peer, forwarded)
        if limited is None:
            return error
        exchange.keep_alive = False
        return limited

    def _note(self, exchange: "Exchange | Turn", error: TurnoutError) -> None:
        """Have a refusal kept that no observer was told of."""
        denials = self._gateway.denials
        if denials is not None:
            denials.note(error, exchange.id, exchange.row.path, exchange.authorization)

    def _walk(self, exchange: "Exchange | Turn") -> Coroutine[Any, Any, None]:
        """What answers a request: to await it costs less than to wait behind it."""
        row = exchange.row
        if isinstance(row, Operation) and exchange.method in row.methods:
            return serve(self._gateway.serving, row, exchange)
        return self._answer(exchange)  # type: ignore[arg-type] # a turn asks an operation

    async def _answer(self, exchange: Exchange) -> None:
        """Answer what no backend is asked for."""
        row = exchange.row
        if exchange.method == _OPTIONS:
            await self._say_options(exchange)
            return
        if exchange.method not in row.methods:
            raise _not_allowed(exchange)
        if isinstance(row, Count):
            await count(self._gateway.serving, row, exchange)
            return
        principal = self._gateway.serving.authenticator.authenticate(exchange.authorization)
        body = await exchange.body()
        if isinstance(row, Preparation):
            await exchange.send(row.answer(body))
            return
        opinions = Opinions(self._gateway.recorder, self._gateway.outcomes)
        await exchange.send(await opinions.take(principal, body), 202)

    async def _say_options(self, exchange: Exchange) -> None:
        """Say which methods there are; a browser, whether a page may call."""
        preflight = None if self.cors is None else self.cors.preflight(exchange.fields)
        if preflight is not None:
            exchange.standing = preflight
        exchange.headers.append(_allow(exchange.row))
        await exchange.send_nothing()


def _allow(row: Row) -> tuple[str, str]:
    listing = (b"GET",) if row.lists else ()
    return "allow", ", ".join(method.decode() for method in (*row.methods, *listing, _OPTIONS))
