"""Requests as bytes. What the requests to one target have in common is written once."""

from typing import Final

from router.backends.transport.address import Address, Headers, check_headers, check_request_id
from router.backends.transport.transport import ONE_PIECE, HttpCall, Pieces, Target, in_pieces

_ONE_WRITE: Final = 64 * 1024  # bytes; a longer body is not copied behind its head
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})  # be it an empty one
_USUAL: Final = b"%bX-Request-Id: %b\r\nContent-Length: %d\r\n\r\n%b"


def head_of(target: Target, address: Address) -> bytes:
    """Return how requests to a target begin."""
    first = f"{target.method} {address.path} HTTP/1.1\r\nHost: {address.authority}\r\n"
    return first.encode() + _lines(target.headers)


def _lines(headers: Headers) -> bytes:
    """Header lines. Raises TransportError where one would be two."""
    check_headers(headers)
    return "".join(f"{name}: {value}\r\n" for name, value in headers).encode()


def request_bytes(head: bytes, call: HttpCall, place: str = "") -> tuple[bytes, bytes | Pieces]:
    """Return the bytes of a request, and its body where that is better written apart.

    `head` is how requests to the call's target begin, `place` where the call is in a trace. Raises
    TransportError where the request's id or one of its headers would add a line.
    """
    body, request_id = call.body, call.request_id
    check_request_id(request_id)
    if call.headers:
        head += _lines(call.headers)
    if place:
        head += b"Traceparent: %b\r\n" % place.encode()
    length = len(body)
    if request_id and body and length <= _ONE_WRITE:  # the usual case, at one go
        return _USUAL % (head, request_id.encode(), length, body), b""
    if request_id:
        head += b"X-Request-Id: %b\r\n" % request_id.encode()
    if body or call.target.method in _WITH_BODY:
        head += b"Content-Length: %d\r\n" % length
    return head + b"\r\n", body if length <= ONE_PIECE and isinstance(body, bytes) else in_pieces(
        body
    )
