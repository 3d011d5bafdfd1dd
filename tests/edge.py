"""The least of an edge, for tests with official clients: parse by a row, dispatch, relay."""

from collections.abc import Awaitable, Callable
from typing import Any

from router.backends.backend import Backend
from router.backends.dispatch.dispatch import Dispatcher
from router.backends.transport.httptools_transport import HttptoolsTransport
from router.errors import TurnoutError
from router.operations.operation import Operation
from router.simulator.exchange import SimulatedExchange


def edge(operation: Operation, *backends: Backend) -> Callable[..., Awaitable[None]]:
    """An ASGI application that serves one operation from these backends, the first that can."""

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        exchange = SimulatedExchange(receive, send)
        raw = await exchange.body()
        dispatcher = Dispatcher(HttptoolsTransport())
        streams = False
        try:
            request = operation.parse(raw, dict(scope["headers"]))
            async with dispatcher.open(backends, request, "r1") as upstream:
                headers = (*upstream.headers, ("x-turnout-backend", upstream.backend.name))
                if not request.stream:
                    await exchange.reply_bytes(200, upstream.body, "application/json", headers)
                    return
                streams = True
                await exchange.head(200, "text/event-stream", headers)
                async for block in upstream.stream():
                    await exchange.write(block)
                await exchange.write(b"", more=False)
        except TurnoutError as error:
            if streams:
                await exchange.write(operation.error_event(error), more=False)
            else:
                body = operation.error_body(error)
                await exchange.reply_bytes(error.status, body, "application/json")
        finally:
            await dispatcher.close()

    return serve
