"""The edge with a walk of the test's own behind it, and a client of it, part by part."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from fakes.connection import FakeSocket, bare_gateway, connect

from router.api.connection import Connection
from router.api.exchange import Exchange
from router.api.gateway import Limits
from router.api.inference import Inference

HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
OLD_HEAD = HEAD.replace(b"1.1", b"1.0") + b"Connection: keep-alive\r\nContent-Length: 2\r\n\r\n"
Use = Callable[[Exchange], Awaitable[None]]


async def echo(exchange: Exchange) -> None:
    """Answer with the body that came."""
    await exchange.send(await exchange.body())


async def stream(exchange: Exchange) -> None:
    """Answer with a stream of two parts."""
    await exchange.body()
    await exchange.start()
    await exchange.write(b"one")
    await exchange.write(b"two")
    await exchange.end()


class Client:
    """Sends bytes to the edge, part by part, and keeps what comes back."""

    def __init__(self, use: Use = echo, *, limit: int = 100) -> None:
        gateway: Any = bare_gateway(Limits(limit, 5.0))

        class Handing(Inference):
            async def _walk(self, exchange: Exchange) -> None:
                await use(exchange)

        self.connection: Connection
        self.socket: FakeSocket
        self.connection, self.socket = connect(Handing(gateway))

    def ring(self, seconds: float) -> None:
        """Let the timer of the request that runs ring, which is set to so many seconds."""
        exchange = self.connection._current
        assert exchange is not None
        left = exchange._timer.when() - exchange._connection.loop.time()
        assert seconds - 1 < left <= seconds + 0.01
        ring(exchange)

    async def leave(self) -> None:
        """Close the connection, and wait until nothing runs for it."""
        tasks = list(self.connection.tasks)
        self.connection.connection_lost(None)
        await asyncio.gather(*tasks)

    async def send(self, *parts: bytes) -> bytes:
        """Send these parts, each once the one before was taken; return what came back."""
        for part in parts:
            self.connection.data_received(part)
            await asyncio.sleep(0)
        await asyncio.gather(*self.connection.tasks)
        return self.socket.sent


def ring(exchange: Exchange) -> None:
    """Let the timer of a stream ring."""
    exchange._timer.cancel()
    exchange._while_silent()


async def asking(use: Use, head: bytes = HEAD) -> Client:
    """A client that waits for its answer."""
    client = Client(use)
    client.connection.data_received(head + b"Content-Length: 2\r\n\r\n{}")
    await asyncio.sleep(0)
    return client
