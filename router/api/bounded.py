"""What a connection may take before it is anybody's: room, bytes of a head, and time.

Timers: until the first head is there and while another one arrives (`_patience`), and behind
answers (`timeout_keep_alive_task`). A connection is idle from an answer until the next request
begins; the line ends that some clients send between requests begin none.

Bytes are counted for each read and not for each header line: `_silent` are those since a request
began or a part of a body came of them. They are a head that is not all there, or trailers, or
chunks' extensions, and no such thing may be larger than a head. Trailers are counted line by line
besides (`heads.Dropped`): all of them may come in one read.
"""

import asyncio
from typing import Any

from router.api.farewell import Deaf, Lingering
from router.api.heads import TOO_LARGE, head_size
from router.api.inference import Inference
from router.api.refusal import descriptor_of, drain
from router.api.unread import ReadProtocol
from router.errors import BadRequest, BodyTooSlow


class Bounded(ReadProtocol):
    """A connection that the door let in, and its bounds."""

    def __init__(self, inference: Inference, **uvicorns: Any) -> None:
        super().__init__(inference, **uvicorns)
        self.url = b""
        self._door = inference.door
        self._limits = inference.door.limits
        self._is_inside = False  # counted by the door
        self._in_head = False
        self._reading = 0  # bytes of what is being parsed
        self._silent = 0
        self._before = 0  # bytes of them that came before a head
        self._patience: asyncio.TimerHandle | None = None
        self._idle_since: float | None = None  # None while a request arrives or is served
        self._farewell: Lingering | Deaf | None = None  # once nothing is read any more

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request, if there is room."""
        super().connection_made(transport)
        turned_away = self._door.enter(self.peer, descriptor_of(transport))
        if turned_away is None:
            self._is_inside = True
            self._be_patient()
            return
        self._farewell = Deaf()
        drain(transport)
        transport.write(self._inference.refusal(b"", turned_away))
        self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Make room, and set no timer any more."""
        super().connection_lost(exc)
        if self._is_inside:
            self._door.leave(self.peer)
        self._calm()
        self._unset_keepalive_if_required()
        if self._farewell is not None:
            self._farewell.stop()

    @property
    def peer(self) -> str:
        """The address at the other end; nothing where it has none."""
        return self.client[0] if self.client else ""

    def _is_too_large(self) -> bool:
        """Whether what is silent is larger than a head; what was read before a head is no part."""
        began = self._in_head and self._silent == self._reading  # somewhere in what was just read
        if began and self.cycle is not None:  # behind another request
            self._before = self._silent - head_size(self.url, self.headers)
        return self._silent - self._before > self._limits.head

    def _check_size(self) -> None:
        """Raise BadRequest where a head, now that it is all there, is larger than one may be."""
        self._before = 0
        if head_size(self.url, self.headers) > self._limits.head:
            raise BadRequest(TOO_LARGE)

    def _be_patient(self) -> None:
        self._patience = self.loop.call_later(self._limits.head_timeout, self._lose_patience)

    def _lose_patience(self) -> None:
        """End a connection whose head did not come; say so where one had begun."""
        self._patience = None
        if self.transport.is_closing():
            return
        if self._in_head:
            seconds = self._limits.head_timeout
            told = f"The head of the request did not arrive within {seconds:g} seconds."
            self.transport.write(self._inference.refusal(self.url, BodyTooSlow(told)))
        self.close()

    def _calm(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    # uvicorn sets a timer after each answer and takes it back at the next request. Here there is
    # one timer a connection, which looks how long it was idle when it rings.

    def _look_again(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self._end_if_idle)

    def _end_if_idle(self) -> None:
        self.timeout_keep_alive_task = None
        if self._idle_since is None or self.transport.is_closing():
            return  # its answer sets the timer again
        left = self._idle_since + self._limits.idle - self.loop.time()
        if left > 0.001:
            self._look_again(left)
        else:
            self.close()
