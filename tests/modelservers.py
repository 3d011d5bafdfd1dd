"""Model servers beside the tests, and what the fixtures that start them hand out."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from router.children.child import listen_on, quiet_server
from router.simulator.server import Simulator


@dataclass(frozen=True)
class RunningSimulator:
    """A simulator in a thread, and where it listens."""

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
