"""/v1/chat/completions by GET, and below it: the chats that the gateway keeps, shown to the
organization that they are kept for."""

import re
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from router.api.authorized import principal_of
from router.api.gateway import Gateway
from router.api.rest_body import read_object
from router.errors import BadRequest, NotFound
from router.pipeline.stored_chats import ChatShelf
from router.protocols.aliases import KnownKeys
from router.protocols.chat.kept import (
    PREFIX,
    is_of,
    messages_of,
    read_metadata,
    shown,
    stored_name,
    with_metadata,
)
from router.stored.page import Page
from router.stored.response import MissingResponse, TooMuch

router: Final = APIRouter()
_kept: Final = APIRouter()
_BASES: Final = ("/v1/chat/completions", "/chat/completions")  # as for inference
_CHANGE: Final = KnownKeys({"metadata"})
_PAIR: Final = re.compile(r"metadata\[(.{1,64})\]")
_NO_KEYS: Final = " This gateway keeps no chats: its operator set no `responses.keys`."
_TOO_MANY: Final = (
    "Too few of this organization's chats fit: more than one listing looks through. Go on from a"
    " later chat with 'after', or leave a filter out."
)


class Listing(BaseModel):
    """Which chats are wanted."""

    limit: Annotated[int, Field(ge=1, le=100)] = 20
    order: Literal["asc", "desc"] = "asc"
    after: str | None = None
    model: str | None = None


def _missing(id_: str, why: str = "") -> NotFound:
    name = id_[:80].encode("ascii", "replace").decode()
    error = NotFound(f"Chat completion with id '{name}' not found.{why}")
    error.code = None
    return error


def _place(request: Request, id_: str) -> tuple[ChatShelf, str]:
    """Return where the chat would be kept, and for whom. Raises Unauthenticated, NotFound."""
    principal = principal_of(request)
    gateway: Gateway = request.app.state.gateway
    chats = gateway.serving.chats
    if chats is None:
        raise _missing(id_, _NO_KEYS)
    return chats.shelf, principal.organization


async def _document(request: Request, id_: str) -> bytes:
    shelf, organization = _place(request, id_)
    try:
        return (await shelf.get(organization, stored_name(organization, id_))).document
    except MissingResponse:
        raise _missing(id_) from None


@_kept.get("")
async def list_chats(request: Request, listing: Annotated[Listing, Query()]) -> dict[str, Any]:
    """List an organization's chats, those that fit."""
    shelf, organization = _place(request, "")
    after = None if listing.after is None else stored_name(organization, listing.after)
    page = Page(
        PREFIX,
        after,
        listing.limit,
        descending=listing.order == "desc",
        wanted=_filter(request, listing.model),
    )
    try:
        found, more = await shelf.page(organization, page)
    except MissingResponse:
        raise BadRequest("'after' names no kept chat.", param="after") from None
    except TooMuch:
        raise BadRequest(_TOO_MANY) from None
    return _page([shown(one.document) for one in found], more=more)


def _filter(request: Request, model: str | None) -> Callable[[bytes], bool] | None:
    matches = ((_PAIR.fullmatch(name), held) for name, held in request.query_params.items())
    pairs = {match[1]: held for match, held in matches if match is not None}
    if model is None and not pairs:
        return None
    return partial(is_of, model=model, metadata=pairs)


def _page(data: list[dict[str, Any]], *, more: bool) -> dict[str, Any]:
    return {
        "object": "list",
        "data": data,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
        "has_more": more,
    }


@_kept.get("/{id_}")
async def retrieve(request: Request, id_: str) -> dict[str, Any]:
    """Return a chat as it was answered, with its metadata."""
    return shown(await _document(request, id_))


@_kept.get("/{id_}/messages")
async def messages(
    request: Request, id_: str, listing: Annotated[Listing, Query()]
) -> dict[str, Any]:
    """List the messages that were sent."""
    data = messages_of(await _document(request, id_))
    if listing.order == "desc":
        data.reverse()
    names = [message["id"] for message in data]
    if listing.after is not None and listing.after not in names:
        raise BadRequest("'after' names no message of this chat.", param="after")
    first = 0 if listing.after is None else names.index(listing.after) + 1
    last = first + listing.limit
    return _page(data[first:last], more=last < len(data))


@_kept.post("/{id_}")
async def update(request: Request, id_: str) -> dict[str, Any]:
    """Set the metadata of a chat: that alone can be changed."""
    shelf, organization = _place(request, id_)
    body = await read_object(request, _CHANGE)
    if "metadata" not in body:
        raise BadRequest("Missing required parameter: 'metadata'.", param="metadata")
    changed = partial(with_metadata, metadata=read_metadata(body["metadata"]))
    try:
        found = await shelf.change(organization, stored_name(organization, id_), changed)
    except MissingResponse:
        raise _missing(id_) from None
    return shown(found.document)


@_kept.delete("/{id_}")
async def delete(request: Request, id_: str) -> dict[str, Any]:
    """Erase a chat for good."""
    shelf, organization = _place(request, id_)
    if not await shelf.delete(organization, stored_name(organization, id_)):
        raise _missing(id_)
    return {"id": id_, "object": "chat.completion.deleted", "deleted": True}


for _base in _BASES:
    router.include_router(_kept, prefix=_base)
