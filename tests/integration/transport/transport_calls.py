"""Calls to raw servers, and what these answer."""

from rawserver import RawServer

from router.backends.backend import Timeouts
from router.backends.transport.transport import HttpAnswer, HttpCall, Target

QUICK = Timeouts(connect=0.5, first_byte=0.2, between_chunks=0.2, total=0.5, bytes_per_second=0)
PATIENT = Timeouts(connect=5.0, first_byte=5.0, between_chunks=5.0, total=10.0)
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"


def call(
    server: RawServer, *, timeouts: Timeouts = PATIENT, body: bytes = b"{}", **more: str
) -> HttpCall:
    headers = tuple((name.replace("_", "-"), value) for name, value in more.items())
    return HttpCall(Target(f"{server.base_url}/chat/completions", headers), body, timeouts)


async def whole(answer: HttpAnswer) -> bytes:
    pieces = []
    while piece := await answer.read():
        pieces.append(piece)
    answer.close()
    return b"".join(pieces)
