"""Answers to what never became a request, written onto the connection itself."""

import asyncio
import os
from contextlib import suppress
from typing import Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from router.api.envelopes import envelope, is_anthropics
from router.api.request_id import new_request_id
from router.errors import TurnoutError

_HEAD: Final = (
    b"%bcontent-type: %b\r\ncontent-length: %d\r\nx-request-id: %b\r\n%bconnection: close\r\n\r\n"
)
_MOST_DRAINED: Final = 65_536  # bytes


def refusal(url: bytes, error: TurnoutError) -> bytes:
    """Return the last answer of a connection, in the envelope of the path that was asked for."""
    name = new_request_id().encode()
    more = b"request-id: %b\r\n" % name if is_anthropics(url) else b""
    return last_answer(error, envelope(url)(error), name, b"application/json", more)


def last_answer(
    error: TurnoutError, body: bytes, name: bytes, media_type: bytes, more: bytes = b""
) -> bytes:
    """Return an answer whose body is made already. `name` is the request's, `more` are headers."""
    more += "".join([f"{key}: {value}\r\n" for key, value in error.headers]).encode()
    return _HEAD % (STATUS_LINE[error.status], media_type, len(body), name, more) + body


def descriptor_of(transport: asyncio.BaseTransport) -> int:
    """Return the number of a connection's descriptor; -1 where it has none."""
    socket = transport.get_extra_info("socket")
    return -1 if socket is None else socket.fileno()


def drain(transport: asyncio.BaseTransport) -> None:
    """Drop what a client has sent that is turned away at once: to close upon bytes that nobody read
    is a reset, and takes the answer from it."""
    with suppress(OSError):
        os.read(descriptor_of(transport), _MOST_DRAINED)
