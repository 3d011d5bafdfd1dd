"""Model servers in child processes that never outlive their parent.

A child prints `ready URL` on standard output once it listens, and ends when its standard input
closes: which it does by itself when the parent dies, however it dies.
"""

import logging
import os
import select
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from typing import IO, Any, Final

import uvicorn

READY: Final = b"ready "


class ChildFailed(Exception):
    """The child did not start; the text ends with what it last said."""


class Child:
    """A model server in a process of its own: `start`, `await_ready`, and `stop` at the end."""

    def __init__(self, module: str, *arguments: str) -> None:
        self._command: Sequence[str] = (sys.executable, "-m", module, *arguments)
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None
        self.base_url = ""

    @property
    def running(self) -> bool:
        """Whether the process is alive."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Its process id. Raises ChildFailed where it is not running."""
        if self._process is None or self._process.poll() is not None:
            raise ChildFailed("it is not running")
        return self._process.pid

    def start(self) -> None:
        """Start the process; it may not listen yet."""
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by stop()
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors
        )

    def await_ready(self, seconds: float = 60.0) -> str:
        """Wait until it listens; return its base URL. ChildFailed where it ends or takes longer."""
        process = self._process
        if process is None or process.stdout is None:
            raise ChildFailed("it was not started")
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            readable, _, _ = select.select([process.stdout], [], [], left)
            line = process.stdout.readline() if readable else b""
            if line.startswith(READY):
                self.base_url = line.removeprefix(READY).decode().strip()
                return self.base_url
            if readable and not line:
                break
        last_words = self._last_words()
        self.stop()
        raise ChildFailed(f"{' '.join(self._command[2:4])} did not start: {last_words}")

    def stop(self) -> None:
        """End the process and wait for it; may be called twice."""
        process, self._process = self._process, None
        if process is not None:
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()
            try:
                process.wait(3.0)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._errors is not None:
            self._errors.close()
            self._errors = None

    def _last_words(self) -> str:
        if self._errors is None:
            return ""
        self._errors.seek(0)
        return self._errors.read()[-2000:].decode(errors="replace").strip() or "it said nothing"


def end_when_orphaned() -> None:
    """In a child: end this process as soon as standard input closes."""

    def watch() -> None:
        sys.stdin.buffer.read()
        os._exit(0)

    threading.Thread(target=watch, daemon=True, name="orphan-watch").start()


def announce(base_url: str) -> None:
    """In a child: tell the parent that this is where it listens."""
    sys.stdout.buffer.write(READY + base_url.encode() + b"\n")
    sys.stdout.buffer.flush()


def quiet_server(app: Callable[..., Any]) -> uvicorn.Server:
    """A quiet server: a simulator that drops its connections on purpose is not news."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            lifespan="off",
            ws="none",
            log_config=None,
            log_level=logging.CRITICAL + 1,
            access_log=False,
            server_header=False,
        )
    )


def listen_on(host: str, port: int) -> tuple[socket.socket, str]:
    """Listen; return the socket and the base URL that it answers under."""
    # With the protocol named, asyncio turns Nagle's algorithm off on what is accepted; without it,
    # every small answer waits 40 ms for a delayed acknowledgement.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(512)
    return listener, f"http://{host}:{listener.getsockname()[1]}/v1"


async def serve_until_orphaned(app: Callable[..., Any], host: str, port: int) -> None:
    """In a child: serve an ASGI application until the parent goes."""
    listener, base_url = listen_on(host, port)
    end_when_orphaned()
    announce(base_url)
    await quiet_server(app).serve(sockets=[listener])
