"""The requests that `bench.compare` sends to two checkouts, and the client that sends them."""

import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bench.payloads import agent, chat, messages

_TOKENS: Final = 12  # of an answer; the simulator would write more
_OF_CALLS: Final = (
    64  # room for a tool's call: an answer over its limit is counted again, an oddity
)
_ANTHROPIC: Final = "anthropic-version: 2023-06-01\r\n"


@dataclass(frozen=True, slots=True)
class ComparedRequest:
    """One kind of request: its name, path, and its body as a function of the call's number."""

    name: str
    path: str
    body: Callable[[int], bytes]
    head: str = ""


REQUESTS: Final = (
    ComparedRequest("chat, 1 KB", "/v1/chat/completions", lambda n: chat(tokens=_TOKENS, number=n)),
    ComparedRequest(
        "chat, 1 KB, streamed",
        "/v1/chat/completions",
        lambda n: chat(model="paced", stream=True, tokens=_TOKENS, number=n),
    ),
    ComparedRequest(
        "chat, explicit model",
        "/v1/chat/completions",
        lambda n: chat(model="moe", tokens=_TOKENS, number=n),
    ),
    ComparedRequest(
        "agent, 55 messages, 8 tools", "/v1/chat/completions", lambda n: agent(number=n)
    ),
    ComparedRequest(
        "messages with tools",
        "/v1/messages",
        lambda n: messages(tokens=_OF_CALLS, number=n),
        _ANTHROPIC,
    ),
    ComparedRequest(
        "messages with tools, streamed",
        "/v1/messages",
        lambda n: messages(model="paced", stream=True, tokens=_OF_CALLS, number=n),
        _ANTHROPIC,
    ),
)


class RequestRefused(RuntimeError):
    """The gateway did not answer as it should; the text says how."""


@dataclass(slots=True)
class Client:
    """One keep-alive connection to a gateway: a request leaves in one piece, as clients send it."""

    port: int
    key: str
    parts: int = 1  # in which the last answer came
    _socket: socket.socket = field(init=False)
    _reader: Any = field(init=False)

    def __post_init__(self) -> None:
        self._socket = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = self._socket.makefile("rb")

    def call(self, request: ComparedRequest, number: int) -> bytes:
        """Send a request and read its whole answer. Raises Refused unless it is a 200."""
        body = request.body(number)
        head = (
            f"POST {request.path} HTTP/1.1\r\nhost: 127.0.0.1:{self.port}\r\n"
            f"authorization: Bearer {self.key}\r\ncontent-type: application/json\r\n"
            f"{request.head}content-length: {len(body)}\r\n\r\n"
        )
        self._socket.sendall(head.encode() + body)
        status = self._reader.readline()
        fields = dict(self._fields())
        answer = self._body(fields)
        if b" 200 " not in status:
            raise RequestRefused(f"{request.name}: {status.decode().strip()} {answer[:300]!r}")
        return answer

    def _fields(self) -> Iterator[tuple[str, str]]:
        while line := self._reader.readline().decode().strip():
            name, _, value = line.partition(":")
            yield name.lower(), value.strip()

    def _body(self, fields: Mapping[str, str]) -> bytes:
        self.parts = 1
        if "content-length" in fields:
            return bytes(self._reader.read(int(fields["content-length"])))
        chunks = b""
        while size := int(self._reader.readline(), 16):
            chunks += self._reader.read(size)
            self.parts += 1
            self._reader.readline()
        self._reader.readline()
        return chunks

    def close(self) -> None:
        self._reader.close()
        self._socket.close()
