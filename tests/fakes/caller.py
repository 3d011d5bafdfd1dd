"""A client without a network: what it sent is given, what it gets is kept."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from router.errors import TurnoutError

REQUEST_ID = "0123456789abcdef0123456789abcdef"
KEY = b"Bearer tk-known"


def sent(headers: Mapping[str, str]) -> dict[bytes, bytes]:
    """Return headers as a connection has them: bytes, names in lower case."""
    return {name.lower().encode(): text.encode() for name, text in headers.items()}


@dataclass(slots=True)
class FakeCaller:
    """One inference call. `log` tells what it was asked for, in order.

    `leaves_at` is the moment (a word of the log, or `write` with its number from 1) at which the
    client leaves: the call is cancelled there, as the HTTP edge cancels the task. `room` is how
    many parts of a stream it takes without waiting. `body_error` is raised in place of a body.
    """

    raw: bytes = b""
    authorization: bytes | None = KEY
    fields: dict[bytes, bytes] = field(default_factory=dict)  # of the request: see `sent`
    id: str = REQUEST_ID
    leaves_at: str = ""
    room: int = 1_000
    body_error: TurnoutError | None = None
    headers: list[tuple[str, str]] = field(default_factory=list)
    content_type: str = ""
    route: str = ""
    backend: str = ""
    log: list[str] = field(default_factory=list)
    head: tuple[tuple[str, str], ...] | None = None  # the headers as they left
    received: list[bytes] = field(default_factory=list)
    status: int = 0  # once the head left
    complete: bool = False
    awaiting: bool = False  # a stream

    @classmethod
    def asking(cls, text: str = "Hello", **body: Any) -> "FakeCaller":
        """Return one that sends a chat request; keywords are fields of its body."""
        messages = [{"role": "user", "content": text}]
        return cls(orjson.dumps({"model": "auto", "messages": messages} | body))

    @property
    def answer(self) -> bytes:
        """Everything that it got."""
        return b"".join(self.received)

    def header(self, name: str) -> str | None:
        """Return a header of the answer; None where it has none."""
        return dict(self.head or ()).get(name)

    def hint_headers(self) -> Mapping[str, str]:
        """Return the request's x-turnout-* headers."""
        return {name: text for name, text in self._texts() if name.startswith("x-turnout-")}

    def header_values(self, names: Iterable[str]) -> Mapping[str, str]:
        """Return those of the request's headers that were sent."""
        texts = dict(self._texts())
        return {name: texts[name] for name in names if name in texts}

    async def body(self) -> bytes:
        """Return the whole body."""
        self._note("body")
        if self.body_error is not None:
            raise self.body_error
        return self.raw

    def awaits_stream(self) -> None:
        """Note that a stream is awaited."""
        self.awaiting = True

    async def start(self, status: int = 200) -> None:
        """Take the head of a stream."""
        self.status = status
        self._note("start")
        self.head = tuple(self.headers)

    async def write(self, data: bytes) -> None:
        """Take a part of a stream, however long that takes."""
        self._note("write")
        if data:
            self.received.append(data)

    def put(self, data: bytes) -> bool:
        """Take a part of a stream while there is room."""
        if len(self.received) >= self.room:
            return False
        self.log.append("put")
        self.received.append(data)
        return True

    async def end(self) -> None:
        """Take the end of a stream."""
        self._note("end")
        self.complete = True

    async def send(self, body: bytes, status: int = 200) -> None:
        """Take a whole answer."""
        self.status = status
        self._note("send")
        self.head = tuple(self.headers)
        self.received.append(body)
        self.complete = True

    def _texts(self) -> Iterator[tuple[str, str]]:
        for name, sent_value in self.fields.items():
            yield name.decode(), sent_value.decode()

    def _note(self, what: str) -> None:
        self.log.append(what)
        if self.leaves_at in {what, f"{what} {self.log.count(what)}"}:
            raise asyncio.CancelledError
