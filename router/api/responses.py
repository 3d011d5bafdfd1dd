"""/v1/responses/{id}: what the gateway keeps, shown to the organization that it is kept for."""

from collections.abc import Callable
from typing import Annotated, Any, Final, Literal

import orjson
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from router.api.authorized import principal_of
from router.api.gateway import Gateway
from router.errors import BadRequest, NotFound
from router.pipeline.serving import Shelf
from router.protocols.responses.kept import is_kept_id, items_of
from router.stored.response import MissingResponse, StoredResponse, TooMuch

router: Final = APIRouter()
_kept: Final = APIRouter()
_BASES: Final = ("/v1/responses", "/responses")  # as for inference
_MOST_SHOWN: Final = 500  # responses whose items one listing goes back to
_MOST_BYTES: Final = 50_000_000
_NOTHING_KEPT: Final = " This gateway keeps no responses: its operator set no `responses.keys`."


def _missing(id_: str, why: str = "") -> NotFound:
    shown = id_[:80].encode("ascii", "replace").decode()
    error = NotFound(f"Response with id '{shown}' not found.{why}")
    error.code = None
    return error


def _place(request: Request, id_: str) -> tuple[Shelf, str]:
    """Return where the response would be kept, and for whom. Raises Unauthenticated, NotFound."""
    principal = principal_of(request)
    gateway: Gateway = request.app.state.gateway
    kept = gateway.serving.kept
    if kept is None:
        raise _missing(id_, _NOTHING_KEPT)
    if not is_kept_id(id_):
        raise _missing(id_)
    return kept.shelf, principal.organization


async def _found(request: Request, id_: str) -> StoredResponse:
    shelf, organization = _place(request, id_)
    try:
        return await shelf.get(organization, id_)
    except MissingResponse:
        raise _missing(id_) from None


@_kept.get("/{id_}")
async def retrieve(request: Request, id_: str, *, stream: bool = False) -> dict[str, Any]:
    """Return a response as it was told."""
    found = await _found(request, id_)
    if stream:
        raise BadRequest("A kept response is not streamed again: leave it out.", param="stream")
    response: dict[str, Any] = orjson.loads(found.document)["response"]
    return response


@_kept.delete("/{id_}")
async def delete(request: Request, id_: str) -> dict[str, Any]:
    """Erase a response for good."""
    shelf, organization = _place(request, id_)
    if not await shelf.delete(organization, id_):
        raise _missing(id_)
    return {"id": id_, "object": "response", "deleted": True}


@_kept.post("/{id_}/cancel")
async def cancel(request: Request, id_: str) -> dict[str, Any]:
    """Refuse: what is kept is over."""
    await _found(request, id_)
    raise BadRequest("Cannot cancel a synchronous response.")


class Page(BaseModel):
    """Which part of a listing is wanted."""

    limit: Annotated[int, Field(ge=1, le=100)] = 20
    order: Literal["asc", "desc"] = "desc"
    after: str | None = None
    before: str | None = None


@_kept.get("/{id_}/input_items")
async def input_items(request: Request, id_: str, page: Annotated[Page, Query()]) -> dict[str, Any]:
    """List what the model was given: the conversation that was continued, and the input."""
    shelf, organization = _place(request, id_)
    try:
        chain = await shelf.chain(organization, id_, most=_MOST_SHOWN, most_bytes=_MOST_BYTES)
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
