"""A client that stops to read, and what its connection may cost meanwhile.

What it was sent stays in memory, and its request keeps a slot, a hold and an upstream for as long
as the client likes, a gateway that stops included. So whoever takes nothing for too long loses its
connection (docs/adr/0136): the request ends as if its client had left.
"""

import array
import asyncio
import fcntl
import logging
import termios
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from router.api.inference import Inference

_LOG = logging.getLogger("turnout")


class Unread:
    """Watches a client that is behind, and ends its connection once it takes nothing for long.

    It takes something when fewer bytes wait for it, here or in the kernel: a slow client is not cut
    as long as it reads. `stalled` is called after `patience` seconds without that, and at most a
    quarter later.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        patience: float,
        stalled: Callable[[], None],
    ) -> None:
        self._transport = transport
        self._loop = loop
        self._patience = patience
        self._stalled = stalled
        self._waiting = waiting_bytes(transport)
        self._since = loop.time()
        self._set_timer()

    def _set_timer(self) -> None:
        self._timer = self._loop.call_later(self._patience / 4, self._look)

    def _look(self) -> None:
        waiting, now = waiting_bytes(self._transport), self._loop.time()
        if waiting < self._waiting:
            self._since = now
        elif now - self._since >= self._patience:
            self._stalled()
            return
        self._waiting = waiting
        self._set_timer()

    def stop(self) -> None:
        """Look no more: it caught up, or is gone."""
        self._timer.cancel()


def waiting_bytes(transport: asyncio.Transport) -> int:
    """Bytes written to a client that its machine has not taken: ours, and the kernel's."""
    size = transport.get_write_buffer_size()
    socket = transport.get_extra_info("socket")
    if socket is None:
        return size
    queued = array.array("i", [0])
    try:
        fcntl.ioctl(socket.fileno(), termios.TIOCOUTQ, queued)
    except (OSError, ValueError):  # closed, or of a system that does not tell
        return size
    return size + queued[0]


class ReadProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol over a connection whose client has to read."""

    def __init__(self, inference: Inference, **uvicorns: Any) -> None:
        super().__init__(**uvicorns)
        self._inference = inference
        self._unread: Unread | None = None  # while the client is behind

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the client."""
        super().connection_lost(exc)
        self._forget()

    def pause_writing(self) -> None:
        """Note that the client is behind: it has to take something from now on."""
        super().pause_writing()
        self._watch()

    def resume_writing(self) -> None:
        """Note that it caught up."""
        super().resume_writing()
        if not self.transport.is_closing():
            self._forget()

    def close(self) -> None:
        """Close behind what was written, as long as the client takes it."""
        self.transport.close()
        if self.transport.get_write_buffer_size():
            self._watch()

    def shutdown(self) -> None:
        """Close, or let what is being answered be the last."""
        super().shutdown()
        if self.transport.is_closing():
            self.close()

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection that was idle for long."""
        if not self.transport.is_closing():
            self.close()

    def _watch(self) -> None:
        if self._unread is None:
            patience = self._inference.limits.unread
            self._unread = Unread(self.transport, self.loop, patience, self._cut_off)

    def _forget(self) -> None:
        if self._unread is not None:
            self._unread.stop()
            self._unread = None

    def _cut_off(self) -> None:
        cut_off(self.transport, self._inference)


def cut_off(transport: asyncio.Transport, inference: Inference) -> None:
    """End the connection of a client that takes nothing, and with it what runs for it."""
    inference.metrics.stalled_clients += 1
    _LOG.info("a client that reads nothing was cut off")
    transport.abort()
