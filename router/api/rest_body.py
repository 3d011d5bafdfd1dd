"""The body of a request that FastAPI answers: bounded, in time, mostly a JSON object."""

import asyncio
from functools import partial
from typing import Any, Final

from fastapi import Request

from router.api.body_room import LARGE, Berth, BodyRoom
from router.api.codings import decoded
from router.api.gateway import Gateway
from router.errors import BodyTooSlow, PayloadTooLarge
from router.protocols.aliases import KnownKeys
from router.protocols.document import parse_members
from router.protocols.headers import credential_of

_AT_ONCE: Final = 65_536  # bytes that a connection reads before anybody asks for them


async def read_body(request: Request) -> bytes:
    """Return a body as it was before it was compressed, if it was.

    Raises as inference does for bodies that are too large or too slow, for which there is no room,
    or that are coded in a way that is not taken.
    """
    gateway: Gateway = request.app.state.gateway
    limits, room = gateway.limits, gateway.limits.room
    announced = request.headers.get("content-length", "")
    expected = int(announced) if announced.isdigit() else limits.body
    credential = credential_of(dict(request.headers.raw))
    if room is not None and _AT_ONCE < expected <= limits.body:
        await room.enter(credential, expected)
    try:
        async with asyncio.timeout(limits.body_timeout):
            body = await _whole(request, limits.body)
    except TimeoutError:
        raise BodyTooSlow("The body did not arrive in time.") from None
    codings = request.headers.get("content-encoding", "").encode("latin-1")
    body = await decoded(body, codings, limits.body, partial(_enter, room, credential))
    if room is not None and len(body) > LARGE:
        await room.turn(credential, len(body))
    return body


async def _enter(room: BodyRoom | None, credential: bytes | None, size: int) -> Berth | None:
    return None if room is None else await room.enter(credential, size)


async def _whole(request: Request, most: int) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise PayloadTooLarge(
                f"The request body is larger than this gateway accepts ({most} bytes)."
            )
        parts.append(part)
    return b"".join(parts)


async def read_object(request: Request, known: KnownKeys) -> dict[str, Any]:
    """Return the JSON object of a body; an empty one where there is no body.

    Raises BadRequest where it is none, and as `read_body`.
    """
    raw = await read_body(request)
    return parse_members(raw, known, frozenset())[0] if raw else {}
