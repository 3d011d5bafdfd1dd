"""/v1/responses/{id}: what the gateway keeps, shown to the organization that it is kept for."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Annotated, Any, Final, Literal

import orjson
from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from router.api.authorized import principal_of
from router.api.gateway import Gateway
from router.errors import BadRequest, NotFound, TurnoutError
from router.pipeline.serving import Keeps, RunsOn
from router.protocols.responses.kept import is_kept_id, items_of
from router.protocols.responses.retelling import retold_events
from router.protocols.table import PROTOCOLS
from router.stored.response import MissingResponse, StoredResponse, TooMuch

router: Final = APIRouter()
_kept: Final = APIRouter()
_BASES: Final = ("/v1/responses", "/responses")  # as for inference
RESPONSES: Final = PROTOCOLS["responses"]
_UNBUFFERED: Final = {"cache-control": "no-cache", "x-accel-buffering": "no"}
_MOST_SHOWN: Final = 500  # responses whose items one listing goes back to
_MOST_BYTES: Final = 50_000_000
_NOTHING_KEPT: Final = " This gateway keeps no responses: its operator set no `responses.keys`."


def _missing(id_: str, why: str = "") -> NotFound:
    shown = id_[:80].encode("ascii", "replace").decode()
    error = NotFound(f"Response with id '{shown}' not found.{why}")
    error.code = None
    return error


def _place(request: Request, id_: str) -> tuple[Keeps, str]:
    """Return by whom the response would be kept, and for whom. Raises Unauthenticated, NotFound."""
    principal = principal_of(request)
    gateway: Gateway = request.app.state.gateway
    kept = gateway.serving.kept
    if kept is None:
        raise _missing(id_, _NOTHING_KEPT)
    if not is_kept_id(id_):
        raise _missing(id_)
    return kept, principal.organization


async def _found(request: Request, id_: str) -> StoredResponse:
    kept, organization = _place(request, id_)
    try:
        return await kept.background.current(organization, id_)
    except MissingResponse:
        raise _missing(id_) from None


def _told(found: StoredResponse) -> dict[str, Any]:
    response: dict[str, Any] = orjson.loads(found.document)["response"]
    return response


@_kept.get("/{id_}", response_model=None)
async def retrieve(
    request: Request,
    id_: str,
    *,
    stream: bool = False,
    starting_after: Annotated[int | None, Query(ge=0)] = None,
) -> dict[str, Any] | StreamingResponse:
    """Return a response as it was told, or as it stands; or its events, behind a number."""
    response = _told(await _found(request, id_))
    if not stream:
        if starting_after is not None:
            raise BadRequest("'starting_after' needs 'stream=true'.", param="starting_after")
        return response
    after = -1 if starting_after is None else starting_after
    if response.get("background"):
        kept, organization = _place(request, id_)
        gateway: Gateway = request.app.state.gateway
        told = events_of(kept.background, organization, id_, after, gateway)
    else:
        told = _at_once(response, after)
    return StreamingResponse(told, media_type="text/event-stream", headers=_UNBUFFERED)


async def _at_once(response: dict[str, Any], after: int) -> AsyncIterator[bytes]:
    yield b"".join([*retold_events(response)][after + 1 :])


async def events_of(
    background: RunsOn, organization: str, id_: str, after: int, gateway: Gateway
) -> AsyncIterator[bytes]:
    """The events of a response in the background as they come.

    Comments show life while it is silent. A gateway that stops ends the stream of what another one
    works on: that can be followed elsewhere.
    """
    patience = gateway.limits.keepalive / 2
    said = time.monotonic()
    try:
        async with aclosing(background.follow(organization, id_, after)) as told:
            async for block in told:
                now = time.monotonic()
                if block or now - said > patience:
                    yield block or RESPONSES.keepalive
                    said = now
                if not (gateway.ready or id_ in background):
                    return
    except TurnoutError as error:
        yield RESPONSES.error_event(error)


@_kept.delete("/{id_}")
async def delete(request: Request, id_: str) -> dict[str, Any]:
    """Erase a response for good."""
    kept, organization = _place(request, id_)
    if not await kept.shelf.delete(organization, id_):
        raise _missing(id_)
    kept.background.drop(id_)
    return {"id": id_, "object": "response", "deleted": True}


@_kept.post("/{id_}/cancel")
async def cancel(request: Request, id_: str) -> dict[str, Any]:
    """End a response in the background, whichever gateway works on it; refuse any other."""
    kept, organization = _place(request, id_)
    try:
        return _told(await kept.background.cancel(organization, id_))
    except MissingResponse:
        raise _missing(id_) from None


class Page(BaseModel):
    """Which part of a listing is wanted."""

    limit: Annotated[int, Field(ge=1, le=100)] = 20
    order: Literal["asc", "desc"] = "desc"
    after: str | None = None
    before: str | None = None


@_kept.get("/{id_}/input_items")
async def input_items(request: Request, id_: str, page: Annotated[Page, Query()]) -> dict[str, Any]:
    """List what the model was given: the conversation that was continued, and the input."""
    kept, organization = _place(request, id_)
    try:
        chain = await kept.shelf.chain(organization, id_, most=_MOST_SHOWN, most_bytes=_MOST_BYTES)
        own = chain.pop()
    except (MissingResponse, TooMuch):  # of what it continues, something is gone
        chain, own = [], await _found(request, id_)
    items = [item for one in chain for item in items_of(one.document)]
    items += orjson.loads(own.document)["input"]
    if page.order == "desc":
        items.reverse()
    return _shown(items, page)


def _shown(items: list[dict[str, Any]], page: Page) -> dict[str, Any]:
    place = _places(items)
    first = 0 if page.after is None else place(page.after, "after") + 1
    last = len(items) if page.before is None else place(page.before, "before")
    shown = items[first:last][: page.limit]
    return {
        "object": "list",
        "data": shown,
        "first_id": shown[0].get("id") if shown else None,
        "last_id": shown[-1].get("id") if shown else None,
        "has_more": first + len(shown) < last,
    }


def _places(items: list[dict[str, Any]]) -> Callable[[str, str], int]:
    at = {item.get("id"): number for number, item in enumerate(items)}

    def place(id_: str, param: str) -> int:
        if id_ not in at:
            raise BadRequest(f"'{param}' names no input item of this response.", param=param)
        return at[id_]

    return place


for _base in _BASES:
    router.include_router(_kept, prefix=_base)
