"""A client's WebSocket: frames to messages, messages to turns, and when it closes.

Theory of operation. When a request opens a WebSocket, its HTTP connection hands the transport to an
object of this class, so that HTTP pays nothing for it. websockets' Sans-I/O protocol reads and
writes the frames; it bounds messages as bodies are bounded, answers pings, and closes with the code
that an offence has. No extension is offered: a compressed message would need a window each way.

One timer looks after the connection: it pings where nothing was written for long, and closes what
was idle or lived too long. A connection that is to close lets what runs end first.
"""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.utils import get_remote_addr
from uvicorn.server import ServerState
from websockets.frames import CloseCode, Opcode
from websockets.protocol import State

from router.api.body_room import LARGE
from router.api.inference import Inference
from router.api.unread import Unread, cut_off
from router.api.websocket.cargo import Cargo
from router.api.websocket.lanes import Lanes
from router.api.websocket.memory import Memory
from router.api.websocket.opening import Opening
from router.api.websocket.turn import Turn, fields_of
from router.errors import BadRequest, TurnoutError, Unavailable, retry_after
from router.operations.response_warm_up import WARM_UP
from router.protocols.headers import credential_of
from router.protocols.responses.frames import WrongMessage, error_message, read_message

_CLOSE_SECONDS: Final = 5.0  # for the client to say goodbye too
_STOPPING: Final = "The gateway is stopping. Please send this again, over another connection."


class WebSocket(asyncio.Protocol):
    """What the transport calls once the connection speaks WebSocket."""

    def __init__(
        self,
        transport: asyncio.Transport,
        server_state: ServerState,
        opening: Opening,
        inference: Inference,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._transport = transport
        self._loop = loop
        self._flow = FlowControl(transport)
        self._state = server_state
        self._inference = inference
        self._row = opening.row
        self._fields = fields_of(opening.fields)
        self._frames = opening.frames
        self._begun = bytearray()  # a message that is not all there
        self._cargo: Cargo | None = None  # its room, once it is large
        self._memory = Memory(inference.sockets.memory, inference.room)
        self._lanes = Lanes(self._begin, inference.limits.body)
        self._refusal: TurnoutError | None = None  # of further turns: the connection will close
        self._wrote = False  # since the timer rang last
        self._asked_at = self._loop.time()
        self._ends_at = self._asked_at + inference.sockets.lifetime
        self._closing: asyncio.TimerHandle | None = None
        remote = get_remote_addr(transport)
        self._peer = remote[0] if remote else ""
        self._unread: Unread | None = None  # while the client is behind
        server_state.connections.add(self)  # type: ignore[arg-type] # it needs `shutdown` alone
        inference.metrics.websockets += 1
        transport.write(opening.head)
        self._timer = self._look_later()

    # What the transport and the server call.

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        self._frames.receive_data(data)
        for event in self._frames.events_received():
            frame: Any = event  # nothing else comes behind the handshake
            if self._frames.state is State.OPEN or frame.opcode is Opcode.CLOSE:
                self._take(frame)
        self._flush()
        if self._frames.state is not State.OPEN:
            self._end_turns()
        elif self._cargo is None and len(self._begun) + len(self._frames.reader.buffer) > LARGE:
            self._take_room()

    def eof_received(self) -> None:
        """Close: a client that leaves without a word has left."""
        self._hear_no_more()

    def connection_lost(self, exc: Exception | None) -> None:
        """End what runs for a client that is gone."""
        self._state.connections.discard(self)
        self._inference.door.leave(self._peer)
        self._inference.metrics.websockets -= 1
        self._timer.cancel()
        if self._closing is not None:
            self._closing.cancel()
        self._unwatch()
        self._hear_no_more()
        self._memory.close()
        self._flow.resume_writing()

    def pause_writing(self) -> None:
        """Note that the client is behind: nothing is read either, since pings are answered."""
        self._flow.pause_writing()
        self._read_no_more()
        patience = self._inference.limits.unread
        self._unread = Unread(self._transport, self._loop, patience, self._cut_off)

    def resume_writing(self) -> None:
        """Note that it caught up."""
        self._flow.resume_writing()
        self._unwatch()
        self._read_on()

    def _unwatch(self) -> None:
        if self._unread is not None:
            self._unread.stop()
            self._unread = None

    def _cut_off(self) -> None:
        """End what runs for a client that takes nothing."""
        cut_off(self._transport, self._inference)

    def shutdown(self) -> None:
        """The server stops: close behind what runs."""
        self._finish(Unavailable(_STOPPING, headers=retry_after(1000)))

    # What turns call.

    @property
    def behind(self) -> bool:
        """Whether the client reads more slowly than it is written to."""
        return self._flow.write_paused

    async def caught_up(self) -> None:
        """Wait until it is no longer behind."""
        await self._flow.drain()

    def tell(self, message: bytes) -> None:
        """Send a message; nothing where the connection is closing."""
        if self._frames.state is State.OPEN:
            self._frames.send_text(message)
            self._flush()
            self._wrote = True

    def over(self, turn: Turn) -> None:
        """Go on behind a turn."""
        self._asked_at = self._loop.time()
        turn.unload()
        self._lanes.over(turn)
        self._read_on()
        if self._refusal is not None and not self._lanes.running:
            self._close(CloseCode.GOING_AWAY)

    # Messages.

    def _take(self, frame: Any) -> None:
        if frame.opcode is Opcode.BINARY:
            self._fail(CloseCode.UNSUPPORTED_DATA, "messages are JSON text")
        elif frame.opcode in (Opcode.TEXT, Opcode.CONT):
            self._begun += frame.data
            if frame.fin:
                message = bytes(self._begun)
                self._begun.clear()
                cargo, self._cargo = self._cargo, None
                if cargo is not None:
                    cargo.arrived(len(message))
                if not self._message(message, cargo) and cargo is not None:
                    cargo.leave()

    def _message(self, raw: bytes, cargo: Cargo | None) -> bool:
        """Serve a message, or say what is wrong; whether it is served."""
        self._asked_at = self._loop.time()
        if not _is_text(raw):
            self._fail(CloseCode.INVALID_DATA, "this is not UTF-8")
            return False
        try:
            create = read_message(raw)
        except WrongMessage as wrong:
            self.tell(error_message(wrong.error, wrong.lane))
            return False
        if self._refusal is not None:
            self.tell(error_message(self._refusal, create.lane))
            return False
        row, limits = WARM_UP if create.warms else self._row, self._inference.limits
        turn = Turn(
            self, row, self._fields, create, memory=self._memory, limits=limits, cargo=cargo
        )
        try:
            self._lanes.add(turn)
        except BadRequest as error:
            self.tell(error_message(error, create.lane))
            return False
        if self._lanes.full:
            self._read_no_more()
        return True

    def _take_room(self) -> None:
        """Read no more of a large message until there is room for it."""
        limits = self._inference.limits
        if limits.room is None:
            return
        self._read_no_more()
        key = credential_of(self._fields)
        self._cargo = Cargo(limits.room, limits, key, read_on=self._read_on, refuse=self._turn_away)

    def _turn_away(self, error: TurnoutError) -> None:
        """There is no room for the message that comes, or it does not come: close behind what
        runs."""
        self._read_no_more()
        self.tell(error_message(error))
        self._finish(error)

    def _begin(self, turn: Turn) -> None:
        task = self._loop.create_task(self._inference.serve(turn))
        turn.task = task
        self._state.tasks.add(task)  # the server waits for these before it stops
        task.add_done_callback(self._state.tasks.discard)

    def _read_no_more(self) -> None:
        if not self._transport.is_closing():
            self._flow.pause_reading()

    def _read_on(self) -> None:
        waits = self._cargo is not None and self._cargo.waits
        full = waits or self._lanes.full or self._flow.write_paused
        if not (full or self._transport.is_closing()):
            self._flow.resume_reading()

    # Its end.

    def _look_later(self) -> asyncio.TimerHandle:
        inference, now = self._inference, self._loop.time()
        ends = (self._ends_at - now, self._asked_at + inference.sockets.idle - now)
        pause = min(inference.limits.keepalive, *(end for end in ends if end > 0))
        return self._loop.call_later(pause, self._look)

    def _look(self) -> None:
        if self._frames.state is not State.OPEN:
            return
        now = self._loop.time()
        if now >= self._ends_at and self._refusal is None:
            self._finish(_lived_too_long(self._inference.sockets.lifetime), tells=True)
        elif not self._lanes.running and now >= self._asked_at + self._inference.sockets.idle:
            self._close(CloseCode.GOING_AWAY, "nothing was asked for long")
        elif not (self._wrote or self._flow.write_paused):
            self._frames.send_ping(b"")
            self._flush()
        self._wrote = False
        self._timer = self._look_later()

    def _finish(self, refusal: TurnoutError, *, tells: bool = False) -> None:
        """Serve nothing more, and close behind what runs."""
        self._refusal = refusal
        for turn in self._lanes.drop_waiting():
            self.tell(error_message(refusal, turn.lane))
        if not self._lanes.running:
            if tells:
                self.tell(error_message(refusal))
            self._close(CloseCode.GOING_AWAY)

    def _fail(self, code: CloseCode, reason: str) -> None:
        self._frames.fail(code, reason)

    def _close(self, code: CloseCode, reason: str = "") -> None:
        if self._frames.state is State.OPEN:
            self._frames.send_close(code, reason)
            self._flush()

    def _flush(self) -> None:
        """Write what there is to say; behind the last word, close."""
        for data in self._frames.data_to_send():
            if data:
                self._transport.write(data)
            else:  # what the client still sends is read, or its kernel drops our last word
                self._transport.write_eof()
        if self._closing is None and self._frames.close_expected():
            self._closing = self._loop.call_later(_CLOSE_SECONDS, self._transport.abort)

    def _hear_no_more(self) -> None:
        if self._frames.state is not State.CLOSED:
            self._frames.receive_eof()
        self._end_turns()

    def _end_turns(self) -> None:
        if self._cargo is not None:
            self._cargo.leave()
        self._lanes.drop_waiting()
        for turn in self._lanes.running:
            turn.left()


def _is_text(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def _lived_too_long(seconds: float) -> BadRequest:
    return BadRequest(
        f"A connection is open for at most {seconds / 60:g} minutes here. Open another one; send "
        "the whole conversation where it is not stored.",
        code="websocket_connection_limit_reached",
    )
