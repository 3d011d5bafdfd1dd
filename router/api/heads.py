"""What a head must be beyond what the parser checks, so that no two readers of it can disagree.

A proxy in front and a gateway behind that take a request's end, its version or its Host differently
can be made to see different requests. So what RFC 9112 lets a server be generous about is refused:
one Host (none is an offence from HTTP/1.1 on), one coding of the transfer, `chunked`, and that only
in HTTP/1.1; no other version than 1.0 and 1.1.

Behind the chunks of a body there may be more header lines, the trailers. Nobody reads them: they
may have as many bytes as a head, and are dropped.
"""

from collections.abc import Sequence
from typing import Final

from router.errors import BadRequest

Pairs = Sequence[tuple[bytes, bytes]]
_CODED: Final = b"transfer-encoding"
_HOST: Final = b"host"
FORWARDED: Final = b"x-forwarded-for"
_AROUND: Final = 4  # bytes of a header line beside its name and value
TOO_LARGE: Final = "The head of the request, or what stands behind its body, is too large."


def head_size(url: bytes, headers: Pairs) -> int:
    """Bytes of a head, without its method and version."""
    return len(url) + sum([len(name) + len(value) + _AROUND for name, value in headers])


def check_version(version: str) -> None:
    """Raise BadRequest where a request is of another version than those that are spoken."""
    if version not in ("1.1", "1.0"):
        raise BadRequest(f"HTTP/{version} is not spoken here; HTTP/1.1 is.")


def look_closely(version: str, fields: dict[bytes, bytes], headers: Pairs) -> None:
    """Check what is rare: a header that stands twice, none that names the host, a coding.

    Puts all that proxies said of the client's address into `fields`. Raises BadRequest.
    """
    names = [name for name, _ in headers]
    hosts = names.count(_HOST)
    if hosts > 1 or (hosts == 0 and version != "1.0"):
        raise BadRequest("A request names its host, once.")
    if _CODED in fields:
        plain = fields[_CODED].strip().lower() == b"chunked" and names.count(_CODED) == 1
        if not plain or version != "1.1":
            raise BadRequest(
                "A body is sent as it is, or `Transfer-Encoding: chunked` in HTTP/1.1."
            )
    if names.count(FORWARDED) > 1:
        fields[FORWARDED] = forwarded(headers)


def forwarded(headers: Pairs) -> bytes:
    """Return all that proxies said of the client's address, in their order."""
    return b",".join([value for name, value in headers if name == FORWARDED])


class Dropped(list[tuple[bytes, bytes]]):
    """Takes the place of a request's headers behind them: trailers, of `room` bytes at most."""

    __slots__ = ("room",)

    def __init__(self, room: int = 0) -> None:
        super().__init__()
        self.room = room

    def append(self, pair: tuple[bytes, bytes]) -> None:
        """Forget a trailer. Raises BadRequest where there are too many bytes of them."""
        self.room -= len(pair[0]) + len(pair[1]) + _AROUND
        if self.room < 0:
            raise BadRequest(TOO_LARGE)


NO_TRAILERS: Final = Dropped()  # behind a body of an announced size none can come
