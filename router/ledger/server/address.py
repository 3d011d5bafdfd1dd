"""Where a ledger lives, read from its URL.

unix:///run/turnout/valkey.sock        redis://user:password@host:6379/0      rediss://host
redis+sentinel://h1:26379,h2:26379/mymaster/0      redis+cluster://h1:7000,h2:7001
"""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal
from urllib.parse import parse_qs, unquote, urlsplit

AddressKind = Literal["single", "sentinel", "cluster"]
_SCHEMES: Final[dict[str, tuple[AddressKind, bool]]] = {
    "redis": ("single", False), "rediss": ("single", True),
    "valkey": ("single", False), "valkeys": ("single", True),
    "redis+sentinel": ("sentinel", False), "rediss+sentinel": ("sentinel", True),
    "redis+cluster": ("cluster", False), "rediss+cluster": ("cluster", True),
}  # fmt: skip


class AddressError(ValueError):
    """The URL of the ledger cannot be used; the message repeats nothing of it, since any part may
    be a password.
    """


@dataclass(frozen=True, slots=True)
class Node:
    """One server: a host and port, or the path of a unix socket."""

    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        return self.path or f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class LedgerAddress:
    """A parsed ledger URL. Passwords stay out of its repr."""

    kind: AddressKind
    nodes: tuple[Node, ...]
    tls: bool = False
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    database: int = 0
    service: str = ""
    ca_file: str | None = None

    def context(self) -> ssl.SSLContext | None:
        """The TLS settings: always verified, against `?ca=FILE` or the system's authorities."""
        return ssl.create_default_context(cafile=self.ca_file) if self.tls else None


def parse_address(url: str) -> LedgerAddress:
    """Read a ledger URL. Raises AddressError that says which part is wrong."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise AddressError("The ledger's URL cannot be read; write redis://host:6379/0.") from None
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    if parts.scheme == "unix":
        number = query.get("db", "0")
        if not number.isdecimal():
            raise AddressError("The ledger's database, behind ?db=, must be a number.")
        return LedgerAddress("single", (Node(path=unquote(parts.path)),), database=int(number))
    if parts.scheme not in _SCHEMES:
        raise AddressError(
            f"The ledger's URL does not start as one; write unix or one of {', '.join(_SCHEMES)}."
        )
    kind, tls = _SCHEMES[parts.scheme]
    credentials, _, hosts = parts.netloc.rpartition("@")
    username, _, password = credentials.partition(":")
    path = [unquote(part) for part in parts.path.split("/") if part]
    if kind == "sentinel" and not path:
        raise AddressError("Name the Sentinel service: redis+sentinel://host:26379/mymaster/0.")
    service = path.pop(0) if kind == "sentinel" else ""
    if path and not path[0].isdecimal():
        raise AddressError("The ledger's database, behind the host, must be a number: /0.")
    ca_file = query.get("ca")
    if ca_file is not None and Path(ca_file).exists() and not Path(ca_file).is_file():
        raise AddressError("The ledger's authorities: ?ca= names no file.")
    default = 26379 if kind == "sentinel" else 6379
    nodes = [_node(host, default) for host in hosts.split(",") if host]
    return LedgerAddress(
        kind,
        tuple(nodes) or (Node("127.0.0.1", default),),
        tls=tls,
        username=unquote(username) or None,
        password=unquote(password) or None,
        database=int(path[0]) if path else 0,
        service=service,
        ca_file=ca_file,
    )


def _node(text: str, default: int) -> Node:
    try:
        parts = urlsplit(f"//{text}")
        return Node(parts.hostname or "127.0.0.1", parts.port or default)
    except ValueError:
        raise AddressError("A host of the ledger has no valid port: write host:6379.") from None
