"""The body of a request that FastAPI answers: bounded, in time, mostly a JSON object."""

import asyncio
from typing import Any

from fastapi import Request

from router.api.body_room import LARGE, TIMES, need_of
from router.api.codings import decoded
from router.api.gateway import Gateway
from router.errors import BodyTooSlow, PayloadTooLarge
from router.protocols.ahead import read_ahead
from router.protocols.aliases import KnownKeys
from router.protocols.decoders import most_of
from router.protocols.document import parse_members
from router.protocols.headers import credential_of


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
    codings = request.headers.get("content-encoding", "").encode("latin-1")
    expected = min(most_of(expected), limits.body) if codings else expected
    berth = None
    if room is not None and LARGE < expected <= limits.body:
        berth = await room.enter(credential, TIMES * expected)
    try:
        async with asyncio.timeout(limits.body_timeout):
            body = await _whole(request, limits.body)
    except TimeoutError:
        raise BodyTooSlow("The body did not arrive in time.") from None
    body = await decoded(body, codings, limits.body)
    if berth is not None:
        berth.resize(need_of(body))
    if room is not None and len(body) > LARGE:
        await room.turn(credential, len(body))
    return body


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
    await read_ahead(raw)
    return parse_members(raw, known, frozenset())[0] if raw else {}
