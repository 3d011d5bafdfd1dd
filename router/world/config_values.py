"""The kinds of values in turnout.yaml, each with what it must look like."""

import base64
import binascii
import re
from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, PlainValidator, SecretStr
from pydantic_core import PydanticCustomError

from router.backends.backend import CHAT, DIRECTLY, FEATURES, OFFERS
from router.operations.table import OPERATIONS
from router.protocols.hub.table import CLIENTS

_SIZE: Final = re.compile(r"(\d+)\s*(B|kB|MB|GB)")
_BYTES: Final[Mapping[str, int]] = {"B": 1, "kB": 1000, "MB": 1_000_000, "GB": 1_000_000_000}
_LISTEN: Final = re.compile(r"(?P<host>[A-Za-z0-9.:_\-\[\]]*):(?P<port>\d{1,5})")
_URL: Final = re.compile(r"https?://[^\s?#/@]+(/[^\s?#]*)?")
_PROXY: Final = re.compile(r"https?://([^\s?#/@]+@)?(\[[0-9A-Fa-f:.]+\]|[^\s?#/@:]+)(:\d{1,5})?/?")
_AUTHORITY: Final = re.compile(r"https://[^\s?#/@]+/?")
_REGION: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_KEY_BYTES: Final = 32
_ADMIN_TOKEN: Final = 16  # the fewest characters: who guesses one administers the gateway
_ORIGIN: Final = re.compile(r"\*|[a-z][a-z0-9+.\-]*://[^\s/?#@A-Z]+")
# What a backend may be said to serve, beside what the operator declares.
OPERATION_NAMES: Final = frozenset(
    {CHAT, *(row.name for row in OPERATIONS if row.protocol not in CLIENTS)}
)
_LEDGER: Final = re.compile(
    r"embedded|(unix|redis|rediss|valkey|valkeys|rediss?\+(sentinel|cluster))://\S+"
)


def wrong(message: str, hint: str) -> PydanticCustomError:
    """Return the error of a value that is not what it must be, and what to write instead."""
    return PydanticCustomError("wrong_value", message, {"hint": hint})


def _size(value: Any) -> int:
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if match is None or int(match[1]) == 0:
        raise wrong("is not a size", "write a whole number with its unit: 500kB, 10MB")
    return int(match[1]) * _BYTES[match[2]]


def _address(value: Any) -> str:
    match = _LISTEN.fullmatch(value) if isinstance(value, str) else None
    if match is None or int(match["port"]) > 65535:
        raise wrong("is not an address", "write host:port: 127.0.0.1:8080, or 0.0.0.0:80")
    return match[0]


def _base_url(value: Any) -> str:
    match = _URL.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise wrong(
            "is not the address of a backend",
            "write http(s)://host[:port]/path up to and including /v1; credentials go in `api_key`",
        )
    return match[0].rstrip("/")


def _collector(value: Any) -> str:
    match = _URL.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise wrong(
            "is not the address of a collector",
            "write http(s)://host:4318, where it takes OTLP over HTTP; credentials go in `headers`",
        )
    return match[0]


def _headers(value: Any) -> Any:
    if not isinstance(value, dict):
        raise wrong("is not a mapping of headers", 'write {name: value}: {x-api-key: "${KEY}"}')
    for name, text in value.items():
        if not isinstance(name, str) or _HEADER.fullmatch(name) is None:
            raise wrong("names a header that is none", "letters, digits and dashes")
        if not isinstance(text, str) or not (text.isascii() and text.isprintable()):
            raise wrong("has a header that is no printable text", "write its value in quotes")
        if not text.strip():
            raise wrong("has an empty header", "set the variable to the secret, or leave it out")
    return value


def _secret(value: Any) -> Any:
    if isinstance(value, str):
        if not value.strip():
            raise wrong("is empty", "set the variable to the secret, or leave the key out")
        if value != value.strip() or not (value.isascii() and value.isprintable()):
            raise wrong(
                "has white space around it, or a character that no secret has",
                "look how it got its value: a file that ends with a line break is the usual cause",
            )
    return value


def _admin_token(value: Any) -> Any:
    if isinstance(value, str) and len(_secret(value)) < _ADMIN_TOKEN:
        raise wrong(
            f"has fewer than {_ADMIN_TOKEN} characters",
            "write ${ADMIN_TOKEN}, and set it to what openssl rand -base64 32 says",
        )
    return value


def _database(value: Any) -> Any:
    if isinstance(value, str) and not value.strip():
        raise wrong("is empty", "write the address of a database, or leave the key out for SQLite")
    return value


def _ledger(value: Any) -> str:
    if not isinstance(value, str) or _LEDGER.fullmatch(value) is None:
        raise wrong(
            "is not a ledger",
            "write embedded, redis://host:6379/0, rediss://..., unix:///path,"
            " redis+cluster://host:port,... or redis+sentinel://host:port/name/0",
        )
    return value


def _proxy(value: Any) -> str:
    if not isinstance(value, str) or (value != DIRECTLY and _PROXY.fullmatch(value) is None):
        raise wrong(
            "is not a proxy",
            "write http(s)://[user:password@]host[:port], or direct for none; SOCKS is not spoken",
        )
    return value


def _authority(value: Any) -> str:
    if not isinstance(value, str) or _AUTHORITY.fullmatch(value) is None:
        raise wrong("is not the address of an authority", "write https://host, without a path")
    return value.rstrip("/")


def _storage_key(value: Any) -> str:
    if isinstance(value, str):
        with suppress(binascii.Error):
            if len(base64.b64decode(value, validate=True)) == _KEY_BYTES:
                return value
    raise wrong("is not a key", "write 32 random bytes in base64: openssl rand -base64 32")


def _cloud_region(value: Any) -> str:
    if not isinstance(value, str) or _REGION.fullmatch(value) is None:
        raise wrong("is not a region", "write it as the cloud does: us-east-1")
    return value


def _header_name(value: Any) -> str:
    if not isinstance(value, str) or _HEADER.fullmatch(value) is None:
        raise wrong("is not the name of a header", "write the name alone: api-key")
    return value


def _query(value: Any) -> dict[str, str]:
    texts = isinstance(value, dict) and all(
        isinstance(key, str) and isinstance(item, str) for key, item in value.items()
    )
    if not texts:
        raise wrong("is not a query", 'write texts by name: {api-version: "2024-10-21"}')
    return dict(value)


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _origin(value: Any) -> str:
    if not isinstance(value, str) or _ORIGIN.fullmatch(value) is None:
        raise wrong(
            "is not an origin",
            "write it as browsers send it: https://app.example.com, http://localhost:3000, or * "
            "alone for any",
        )
    return value


def _network(value: Any) -> IPv4Network | IPv6Network:
    with suppress(ValueError):
        if isinstance(value, str):
            return ip_network(value)
    raise wrong("is not a network", "write an address or a network: 10.0.0.7, 10.0.0.0/8, fd00::/8")


def _feature_list(value: Any) -> tuple[str, ...]:
    known = isinstance(value, list) and FEATURES.issuperset(value)
    if not known:
        raise wrong("names something unknown", f"known: {', '.join(sorted(FEATURES))}")
    return tuple(value)


def _operation_list(value: Any) -> tuple[str, ...]:
    names = isinstance(value, list) and all(isinstance(item, str) for item in value)
    if not names or not value:
        raise wrong("is not a list of operations", f"known: {', '.join(sorted(OPERATION_NAMES))}")
    return tuple(value)


def _offer_list(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not OFFERS.issuperset(value):
        raise wrong("names something unknown", f"known: {', '.join(sorted(OFFERS))}")
    return tuple(value)


def _share(value: Any) -> Decimal:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1:
        return Decimal(str(value))
    raise wrong("is not a share", "write a number above 0, 1 at most: 0.5 is half")


Secret = Annotated[SecretStr, BeforeValidator(_secret)]
AdminToken = Annotated[SecretStr, BeforeValidator(_admin_token)]
DatabaseUrl = Annotated[SecretStr, BeforeValidator(_database)]
Origin = Annotated[str, BeforeValidator(_origin)]
Origins = Annotated[tuple[Origin, ...], BeforeValidator(_as_tuple)]
Network = Annotated[IPv4Network | IPv6Network, PlainValidator(_network)]
Networks = Annotated[tuple[Network, ...], BeforeValidator(_as_tuple)]
Size = Annotated[int, BeforeValidator(_size)]
Address = Annotated[str, BeforeValidator(_address)]
BaseUrl = Annotated[str, BeforeValidator(_base_url)]
CollectorUrl = Annotated[str, BeforeValidator(_collector)]
Headers = Annotated[dict[str, SecretStr], BeforeValidator(_headers)]
LedgerAddress = Annotated[str, BeforeValidator(_ledger)]
Proxy = Annotated[SecretStr, BeforeValidator(_proxy)]
Authority = Annotated[str, BeforeValidator(_authority)]
StorageKey = Annotated[SecretStr, BeforeValidator(_storage_key)]
CloudRegion = Annotated[str, BeforeValidator(_cloud_region)]
HeaderName = Annotated[str, BeforeValidator(_header_name)]
Query = Annotated[dict[str, str], BeforeValidator(_query)]
Features = Annotated[tuple[str, ...], BeforeValidator(_feature_list)]
Offers = Annotated[tuple[str, ...], BeforeValidator(_offer_list)]
Share = Annotated[Decimal, BeforeValidator(_share)]
Operations = Annotated[tuple[str, ...], BeforeValidator(_operation_list)]
Replicas = Annotated[tuple[BaseUrl, ...], BeforeValidator(_as_tuple)]
Words = Annotated[tuple[str, ...], BeforeValidator(_as_tuple)]
Cards = Annotated[
    tuple[str, ...],
    BeforeValidator(_as_tuple),
]


def host_and_port(address: str) -> tuple[str, int]:
    """Return the two parts of a listening address; all interfaces where no host is named."""
    host, _, port = address.rpartition(":")
    return host.strip("[]") or "0.0.0.0", int(port)  # noqa: S104 # the operator left it out
