"""WebSocket mode of responses as its owner speaks it, as far as the jobs need it."""

import json
import socket
from collections.abc import Callable, Iterable, Iterator
from email.message import Message
from typing import Any

from websockets.datastructures import Headers
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

Json = dict[str, Any]
Tells = Callable[[Json], Iterable[Json | str]]  # a body -> the events of its response


def wants_websocket(headers: Message) -> bool:
    """Whether a request offers to go on in frames."""
    return (headers.get("upgrade") or "").lower() == "websocket"


def converse(client: socket.socket, path: str, headers: Message, tells: Tells) -> None:
    """Answer `response.create` until the client leaves; each may continue one before it."""
    response = ServerProtocol().accept(Request(path, Headers(list(headers.items()))))
    client.sendall(response.serialize())
    frames = ServerProtocol(state=State.OPEN, max_size=None)
    held: dict[str, list[Any]] = {}
    while frames.state is State.OPEN and (data := client.recv(65_536)):
        frames.receive_data(data)
        for message in _messages(frames):
            for event in _told(message, held, tells):
                frames.send_text(json.dumps(event).encode())
        client.sendall(b"".join(frames.data_to_send()))


def _messages(frames: ServerProtocol) -> Iterator[Json]:
    for frame in frames.events_received():
        if isinstance(frame, Frame) and frame.opcode is Opcode.TEXT:
            yield json.loads(bytes(frame.data))


def _told(body: Json, held: dict[str, list[Any]], tells: Tells) -> Iterator[Json]:
    given, lane = body.get("input") or [], body.get("stream_id")
    own = [{"role": "user", "content": given}] if isinstance(given, str) else given
    items = [*held.get(body.get("previous_response_id") or "", ()), *own]
    for event in tells(body | {"input": items}):
        if not isinstance(event, dict):
            continue
        if body.get("generate") is False:
            if "response" not in event:
                continue
            event["response"] |= {"id": "resp_warm", "output": []}
        if event["type"] == "response.completed":
            response = event["response"]
            held[response["id"]] = [*items, *response["output"]]
        yield event | ({"stream_id": lane} if lane else {})
