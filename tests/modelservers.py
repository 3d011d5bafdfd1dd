"""Model servers beside the tests, and what the fixtures that start them hand out."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

from uvicorn.server import ServerState

from router.children.child import listen_on, quiet_server
from router.simulator.server import Simulator


@dataclass(frozen=True)
class RunningSimulator:
    """A simulator, and where it listens."""

    base_url: str
    app: Simulator


@contextmanager
def in_thread(app: Callable[..., Any]) -> Iterator[str]:
    """Serve an ASGI application from a thread of this process; yields its base URL."""
    listener, base_url = listen_on("127.0.0.1", 0)
    server = quiet_server(app)
    thread = threading.Thread(
        target=lambda: asyncio.run(server.serve(sockets=[listener])), daemon=True
    )
    thread.start()
    try:
        yield base_url
    finally:
        server.should_exit = server.force_exit = True
        thread.join(5.0)
        listener.close()


@asynccontextmanager
async def in_this_loop(app: Callable[..., Any]) -> AsyncIterator[str]:
    """Serve an ASGI application on the clock of the running loop; yields its base URL."""
    listener, base_url = listen_on("127.0.0.1", 0)
    config, state = quiet_server(app).config, ServerState()
    config.load()

    def protocol() -> asyncio.Protocol:
        return config.http_protocol_class(config=config, server_state=state, app_state={})  # type: ignore[call-arg, return-value]

    server = await asyncio.get_running_loop().create_server(protocol, sock=listener)
    try:
        yield base_url
    finally:
        server.close()
        for connection in list(state.connections):
            connection.transport.abort()
