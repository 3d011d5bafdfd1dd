"""What identity providers answer: JSON, bounded in bytes and time; and where their things are."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

_TIMEOUT: Final = 5.0
_MOST_BYTES: Final = 262_144
_DISCOVERY: Final = "/.well-known/openid-configuration"
_LOCAL: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class Unfetched(Exception):
    """Something could not be fetched; the message says why, fit for a log."""


def is_safe(address: str) -> bool:
    """Whether nobody on the way can put other keys into an answer: https, or this machine."""
    parts = urlsplit(address)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOCAL)


async def document_at(address: str, headers: Mapping[str, str] | None = None) -> Mapping[str, Any]:
    """The JSON object at an address. Raises Unfetched."""
    status, document = await answered("GET", address, headers or {})
    if status != 200:
        raise Unfetched(f"{address} answers {status}")
    return document


async def answered(
    method: str, address: str, headers: Mapping[str, str], body: str = ""
) -> tuple[int, Mapping[str, Any]]:
    """The status and the JSON object that a request is answered with; nothing is followed, and
    nothing sent again. Raises Unfetched."""
    try:
        async with (
            httpx.AsyncClient(timeout=_TIMEOUT, follow_redirects=False) as client,
            client.stream(
                method, address, headers={"accept": "application/json", **headers}, content=body
            ) as answer,
        ):
            whole = b""
            async for piece in answer.aiter_bytes():
                whole += piece
                if len(whole) > _MOST_BYTES:
                    raise Unfetched(f"{address} has more than {_MOST_BYTES} bytes")
        if answer.status_code >= 500:
            raise Unfetched(f"{address} answers {answer.status_code}")
        document = httpx.Response(200, content=whole).json() if whole else {}
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, RecursionError) as error:
        raise Unfetched(f"{address}: {str(error) or type(error).__name__}") from None
    if not isinstance(document, dict):
        raise Unfetched(f"{address} is not a JSON object")
    return answer.status_code, document


async def discovered(issuer: str) -> Mapping[str, Any]:
    """The discovery document of an issuer. Raises Unfetched, where it names another one too."""
    document = await document_at(issuer.rstrip("/") + _DISCOVERY)
    if document.get("issuer") != issuer:
        raise Unfetched(f"the discovery document names another issuer than {issuer}")
    return document


def address_in(document: Mapping[str, Any], name: str) -> str:
    """An address that a discovery document names. Raises Unfetched where it is not safe."""
    address = document.get(name)
    if not isinstance(address, str) or not is_safe(address):
        raise Unfetched(f"the discovery document names no {name} that is https")
    return address
