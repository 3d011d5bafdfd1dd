"""What the corridor needs of the HTTP edge, seen from below."""

from collections.abc import Iterable, Mapping
from typing import Protocol


class Caller(Protocol):
    """One inference call: who asks, and where the answer goes."""

    id: str
    authorization: bytes | None
    headers: list[tuple[str, str]]
    content_type: str  # of an answer that is neither JSON nor events; else empty
    fields: dict[bytes, bytes]  # the request's headers, names in lower case
    route: str
    backend: str

    def hint_headers(self) -> Mapping[str, str]:
        """Return the request's x-turnout-* headers, names in lower case."""

    def header_values(self, names: Iterable[str]) -> Mapping[str, str]:
        """Return those of the request's headers that were sent; names in lower case."""

    async def body(self) -> bytes:
        """Read the whole body of the request; from then on the caller's leaving cancels us."""

    def awaits_stream(self) -> None:
        """Note that a stream will follow: its head, or an event that clients ignore, goes out by
        itself wherever nothing is sent for long."""

    async def start(self, status: int = 200) -> None:
        """Send the head of a stream, with `headers` as they stand, unless it went out by itself."""

    async def write(self, data: bytes) -> None:
        """Send a part of a stream."""

    def put(self, data: bytes) -> bool:
        """Send a part of a stream, if that needs no waiting; return whether it was sent."""

    async def end(self) -> None:
        """Finish a stream."""

    async def send(self, body: bytes, status: int = 200) -> None:
        """Send a whole answer at once, with `headers` as they stand."""
