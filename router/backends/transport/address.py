"""The address of a call, taken apart and checked before any I/O."""

from typing import Final, NamedTuple
from urllib.parse import quote, urlsplit

from router.backends.transport.transport import Target, TransportError

_UNREADABLE: Final = "has an address that cannot be read"
_ADDED_LINE: Final = "cannot be asked: a header or credential holds a line break"
_PATH_SIGNS: Final = "/%:@!$&'()*+,;=~-._"
_PORTS: Final = {"http": 80, "https": 443}
Headers = tuple[tuple[str, str], ...]


class Origin(NamedTuple):
    """The other end of a connection; connections to equal origins may serve each other's calls."""

    host: str  # ASCII; an IPv6 address without brackets
    port: int
    secure: bool


class Address(NamedTuple):
    """A target's URL in parts: `authority` is what the Host header says, `path` has its query."""

    origin: Origin
    authority: str
    path: str


def address_of(target: Target) -> Address:
    """Take a target's URL apart. Raises TransportError where it is none."""
    try:
        parts = urlsplit(target.url)
        port = parts.port
        host = parts.hostname or ""
        host = host if host.isascii() else host.encode("idna").decode()
    except (ValueError, UnicodeError):
        raise TransportError(_UNREADABLE) from None
    if parts.scheme not in _PORTS or not host:
        raise TransportError(_UNREADABLE)
    path = quote(parts.path or "/", safe=_PATH_SIGNS)
    if parts.query:
        path += "?" + quote(parts.query, safe=_PATH_SIGNS + "?")
    authority = f"[{host}]" if ":" in host else host
    if port is not None:
        authority += f":{port}"
    origin = Origin(host, port or _PORTS[parts.scheme], parts.scheme == "https")
    return Address(origin, authority, path)


def check_headers(headers: Headers) -> None:
    """Raise TransportError where a header would be two lines."""
    if any("\n" in part or "\r" in part for header in headers for part in header):
        raise TransportError(_ADDED_LINE)


def check_request_id(request_id: str) -> None:
    """Raise TransportError where a request's id would add a line to its head."""
    if not request_id.isprintable():
        raise TransportError(_ADDED_LINE)
