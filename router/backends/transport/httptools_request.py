"""Requests as bytes. What the requests to one target have in common is written once."""

from typing import Final
from urllib.parse import quote, urlsplit

from router.backends.transport.transport import Call, Target, TransportError

_ONE_WRITE: Final = 64 * 1024  # bytes; a longer body is not copied behind its head
_USUAL: Final = b"%bX-Request-Id: %b\r\nContent-Length: %d\r\n\r\n%b"
_ADDED_LINE: Final = "cannot be asked: a header or credential holds a line break"
_PATH_SIGNS: Final = "/%:@!$&'()*+,;=~-._"


def address_of(target: Target) -> tuple[tuple[str, int, bool], bytes]:
    """Take a target apart: host, port and whether it is secure; and how requests there begin.

    Raises TransportError for an address that is none, and where a header would add a line.
    """
    url, headers, method = target
    try:
        parts = urlsplit(url)
        port = parts.port
        host = parts.hostname or ""
        host = host if host.isascii() else host.encode("idna").decode()
    except (ValueError, UnicodeError):
        raise TransportError("has an address that cannot be read") from None
    if parts.scheme not in ("http", "https") or not host:
        raise TransportError("has an address that cannot be read")
    secure = parts.scheme == "https"
    path = quote(parts.path or "/", safe=_PATH_SIGNS)
    if parts.query:
        path += "?" + quote(parts.query, safe=_PATH_SIGNS + "?")
    shown = f"[{host}]" if ":" in host else host
    if port is not None:
        shown += f":{port}"
    origin = host, port or (443 if secure else 80), secure
    return origin, f"{method} {path} HTTP/1.1\r\nHost: {shown}\r\n{_lines(headers)}".encode()


def _lines(headers: tuple[tuple[str, str], ...]) -> str:
    """Header lines. Raises TransportError where one would be two."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    if lines.count("\n") != len(headers) or lines.count("\r") != len(headers):
        raise TransportError(_ADDED_LINE)
    return lines


def written(head: bytes, call: Call) -> tuple[bytes, bytes]:
    """Return the bytes of a request, and its body where that is better written apart.

    `head` is how requests to the call's target begin. Raises TransportError where the request's
    id or one of its headers would add a line.
    """
    body, request_id = call.body, call.request_id
    if not request_id.isprintable():
        raise TransportError(_ADDED_LINE)
    if call.headers:
        head += _lines(call.headers).encode()
    length = len(body)
    if request_id and body and length <= _ONE_WRITE:  # the usual case, at one go
        return _USUAL % (head, request_id.encode(), length, body), b""
    if request_id:
        head += b"X-Request-Id: %b\r\n" % request_id.encode()
    if body or call.target.method == "POST":
        head += b"Content-Length: %d\r\n" % length
    return head + b"\r\n", body
