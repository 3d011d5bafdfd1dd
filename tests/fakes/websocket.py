"""A client's WebSocket without a network: the real edge over a socket in memory."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.uri import parse_uri

from fakes.connection import FakeLoop, connect
from fakes.corridor import FakeCorridor
from fakes.gateway import FakeGateway
from router.api.cors import Cors
from router.api.gateway import SocketLimits
from router.api.inference import Inference
from router.operations.operation import Operation
from router.protocols.sse import encode

KEY = "Bearer tk-known"


def life(kind: str, **response: Any) -> bytes:
    """An event that tells the whole response."""
    told: dict[str, Any] = {"type": f"response.{kind}"}
    told["response"] = {"object": "response"} | response
    return encode(json.dumps(told).encode(), f"response.{kind}".encode())


def message(text: str) -> dict[str, Any]:
    """An item of an answer."""
    part = {"type": "output_text", "text": text, "annotations": []}
    return {"type": "message", "id": "msg_1", "role": "assistant", "content": [part]}


class Answering(Inference):
    """Answers each response by `tell`; else it echoes the last thing that it was asked.

    `bodies` are the bodies that were asked for; `corridor` has who may ask.
    """

    def __init__(
        self, *, sockets: SocketLimits | None = None, cors: Cors | None = None, body: int = 10_000
    ) -> None:
        self.corridor = FakeCorridor.answering()
        fake = FakeGateway(self.corridor, body_limit=body)
        fake.gateway.cors = cors
        fake.gateway.sockets = sockets or SocketLimits()
        super().__init__(fake.gateway)
        self.bodies: list[dict[str, Any]] = []

    async def _walk(self, exchange: Any) -> None:
        if not isinstance(exchange.row, Operation) or exchange.method != b"POST":
            await super()._walk(exchange)
            return
        self.authenticate(exchange.authorization)
        self.bodies.append(json.loads(await exchange.body()))
        await exchange.start()
        await self.tell(exchange, len(self.bodies))
        await exchange.end()

    async def tell(self, turn: Any, number: int) -> None:
        """Tell the `number`-th response."""
        await turn.write(life("created", id=f"resp_{number}", store=False))
        said = message(f"answer {number}")
        await turn.write(life("completed", id=f"resp_{number}", store=False, output=[said]))


class FakeWebSocket:
    """A client of `inference` that speaks frames; `response` is what its offer was answered with.

    `loop` has the timers of its connection.
    """

    def __init__(
        self,
        inference: Inference,
        headers: Mapping[str, str] = {"Authorization": KEY},  # it is not changed
        path: str = "/v1/responses",
    ) -> None:
        self.loop = FakeLoop(asyncio.get_running_loop())
        self.http, self.socket = connect(inference, _loop=self.loop)
        self.frames = ClientProtocol(parse_uri(f"ws://gateway{path}"))
        request = self.frames.connect()
        for name, value in headers.items():
            request.headers[name] = value
        self.frames.send_request(request)
        self.http.data_received(b"".join(self.frames.data_to_send()))
        self.frames.receive_data(self._sent())
        self.response: Any = self.frames.events_received()[0]

    @property
    def edge(self) -> Any:
        """The gateway's end, once it is open."""
        return self.socket.protocol

    def create(self, **members: Any) -> None:
        """Send a `response.create`."""
        told = {"type": "response.create", "model": "auto", "input": "Hi", "store": False}
        self.send(json.dumps(told | members).encode())

    def send(self, text: bytes) -> None:
        """Send a message."""
        self.frames.send_text(text)
        self.flush()

    def flush(self) -> None:
        """Deliver what the client has to say."""
        for data in self.frames.data_to_send():
            if data:
                self.edge.data_received(data)

    async def settled(self) -> None:
        """Wait until nothing runs for it."""
        while tasks := list(self.http.server_state.tasks):
            await asyncio.wait(tasks)
            await asyncio.sleep(0)

    def frames_got(self) -> list[Frame]:
        """The frames that came since the last look."""
        self.frames.receive_data(self._sent())
        return [frame for frame in self.frames.events_received() if isinstance(frame, Frame)]

    def got(self) -> list[dict[str, Any]]:
        """The messages among them."""
        return [
            json.loads(bytes(one.data)) for one in self.frames_got() if one.opcode is Opcode.TEXT
        ]

    async def answer(self) -> list[dict[str, Any]]:
        """What came once nothing runs any more."""
        await self.settled()
        return self.got()

    def leave(self) -> None:
        """Close the connection without a word."""
        self.socket.closed = True
        self.edge.connection_lost(None)

    def _sent(self) -> bytes:
        sent, self.socket.sent = self.socket.sent, b""
        return sent
