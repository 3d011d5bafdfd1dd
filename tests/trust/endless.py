"""A model server that talks for as long as anybody listens, and a client that does not read."""

import asyncio
import json
import socket
from typing import Final

_HEAD: Final = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "endless"}
_CHOICE: Final = {"index": 0, "delta": {"content": "word " * 800}, "finish_reason": None}
_EVENT: Final = b"data: " + json.dumps(_HEAD | {"choices": [_CHOICE]}).encode() + b"\n\n"
_TYPE: Final = [(b"content-type", b"text/event-stream")]


class Endless:
    """An ASGI application; `sent` are the bytes of its answers, `open` those that go on."""

    def __init__(self) -> None:
        self.sent = 0
        self.open = 0

    async def __call__(self, scope, receive, send) -> None:
        while (await receive()).get("more_body"):
            pass
        leaving = asyncio.ensure_future(receive())
        self.open += 1
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _TYPE})
            while not leaving.done():
                self.sent += len(_EVENT)
                await send({"type": "http.response.body", "body": _EVENT, "more_body": True})
                await asyncio.sleep(0)
        finally:
            self.open -= 1
            leaving.cancel()


def asking(address: tuple[str, int], key: str, model: str = "staff") -> socket.socket:
    """A client that asks for a stream and has no room for it: it reads nothing by itself."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(address)
    message = {"role": "user", "content": "Tell a story."}
    body = json.dumps({"model": model, "stream": True, "messages": [message]}).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    client.sendall(head.encode() + body)
    return client
