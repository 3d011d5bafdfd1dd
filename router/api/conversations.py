"""/v1/conversations: what the gateway keeps, for the organization that it is kept for."""

from collections.abc import Awaitable
from typing import Annotated, Any, Final, Literal, TypeVar
from uuid import uuid4

import orjson
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from router.api.authorized import principal_of
from router.api.gateway import Gateway
from router.api.rest_body import read_object
from router.errors import BadRequest, NotFound, PermissionDenied
from router.operations.response import parse_response
from router.pipeline.conversing import ConversationShelf, locked, missing_conversation
from router.protocols.aliases import KnownKeys
from router.protocols.fields import wrong_type
from router.protocols.responses.kept import (
    input_items,
    is_conversation_id,
    is_item_id,
    is_reference,
    new_conversation_id,
)
from router.stored.conversation import (
    ConversationLocked,
    KnownItem,
    MissingConversation,
    MissingItem,
    NoRoom,
    StoredConversation,
)

router: Final = APIRouter()
_conversations: Final = APIRouter()
_BASES: Final = ("/v1/conversations", "/conversations")  # as for inference
_KNOWN: Final = KnownKeys(("items", "metadata"))
_MOST_ITEMS: Final = 20  # that are put there at once
_MOST_PAIRS: Final = 16
_LONGEST_NAME: Final = 64
_LONGEST_VALUE: Final = 512
_NOTHING_KEPT: Final = (
    "This gateway keeps no conversations: its operator set no `responses.keys`. Send the whole"
    " conversation in 'input' instead."
)
_Result = TypeVar("_Result")


def _kept(request: Request, *, makes: bool = False) -> tuple[ConversationShelf, str]:
    """Return where conversations are kept, and for whom.

    Raises Unauthenticated, NotFound where none are, PermissionDenied where this tier makes none.
    """
    principal = principal_of(request)
    gateway: Gateway = request.app.state.gateway
    kept = gateway.serving.kept
    if kept is None:
        error = NotFound(_NOTHING_KEPT)
        error.code = None
        raise error
    if makes and not kept.allows(gateway.serving.snapshot, principal):
        raise PermissionDenied("Nothing is kept for customers of this tier (`store: false`).")
    return kept.conversations, principal.organization


def _place(request: Request, id_: str, *, makes: bool = False) -> tuple[ConversationShelf, str]:
    """The same, for a conversation that could be there."""
    place = _kept(request, makes=makes)
    if not is_conversation_id(id_):
        raise missing_conversation(id_)
    return place


async def _told(call: Awaitable[_Result], id_: str, item: str = "") -> _Result:
    """What comes of a call, or its failure as clients know it."""
    try:
        return await call
    except MissingConversation:
        raise missing_conversation(id_) from None
    except MissingItem:
        error = NotFound(f"Item with id '{_shown(item)}' not found in conversation '{id_}'.")
        error.code = None
        raise error from None
    except ConversationLocked:
        raise locked() from None
    except KnownItem as known:
        raise BadRequest(
            f"The conversation has an item with id '{_shown(known.id)}' already. Leave the id out.",
            param="items",
        ) from None
    except NoRoom:
        raise BadRequest(
            "The conversation would be larger than what this gateway keeps of one organization"
            " (its operator's `responses.room`). Begin another one.",
            param="items",
            code="conversation_too_long",
        ) from None


def _shown(id_: str) -> str:
    return id_[:80].encode("ascii", "replace").decode()


def _as_told(found: StoredConversation) -> dict[str, Any]:
    return {
        "id": found.id,
        "object": "conversation",
        "created_at": found.created_at,
        "metadata": orjson.loads(found.metadata),
    }


def _metadata(body: dict[str, Any]) -> bytes:
    """The metadata of a body as JSON. Raises BadRequest."""
    given = body.get("metadata")
    if given is None:
        return b"{}"
    if not isinstance(given, dict) or not all(isinstance(held, str) for held in given.values()):
        raise wrong_type("metadata", "an object of strings")
    if len(given) > _MOST_PAIRS or any(
        len(name) > _LONGEST_NAME or len(held) > _LONGEST_VALUE for name, held in given.items()
    ):
        raise BadRequest(
            f"'metadata' has at most {_MOST_PAIRS} pairs, names of {_LONGEST_NAME} characters and"
            f" values of {_LONGEST_VALUE}.",
            param="metadata",
        )
    return orjson.dumps(given)


def _items(body: dict[str, Any], *, needed: bool) -> list[dict[str, Any]]:
    """The items of a body, each with an id, such as a response takes them. Raises BadRequest."""
    given = body.get("items")
    if given is None and not needed:
        return []
    if not isinstance(given, list):
        raise wrong_type("items", "an array of objects")
    if len(given) > _MOST_ITEMS:
        raise BadRequest(
            f"'items' has {len(given)} of them. Send at most {_MOST_ITEMS} at once.", param="items"
        )
    if any(map(is_reference, given)):
        raise BadRequest("An item cannot only be named here. Send it whole.", param="items")
    _check(given)
    items = input_items(given, uuid4().hex)
    if not all(is_item_id(item["id"]) for item in items):
        raise BadRequest("The id of an item is one to 128 letters and digits.", param="items")
    return items


def _check(given: list[Any]) -> None:
    """Raise BadRequest where a response would be refused for one of these items."""
    try:
        parse_response(orjson.dumps({"model": "m", "input": given}))
    except BadRequest as error:
        told = error.message.replace("'input", "'items", 1)
        param = (error.param or "").replace("input", "items", 1)
        raise BadRequest(told, param=param or "items", code=error.code) from None


@_conversations.post("")
async def create(request: Request) -> dict[str, Any]:
    """Make a conversation, of some items or none."""
    shelf, organization = _kept(request, makes=True)
    body, id_ = await read_object(request, _KNOWN), new_conversation_id()
    metadata, items = _metadata(body), _items(body, needed=False)
    return _as_told(await _told(shelf.create(organization, id_, metadata, items), id_))


@_conversations.get("/{id_}")
async def retrieve(request: Request, id_: str) -> dict[str, Any]:
    """Return a conversation, but for its items."""
    shelf, organization = _place(request, id_)
    return _as_told(await _told(shelf.get(organization, id_), id_))


@_conversations.post("/{id_}")
async def update(request: Request, id_: str) -> dict[str, Any]:
    """Give a conversation other metadata."""
    shelf, organization = _place(request, id_)
    body = await read_object(request, _KNOWN)
    if "metadata" not in body:
        raise BadRequest("Missing required parameter: 'metadata'.", param="metadata")
    return _as_told(await _told(shelf.update(organization, id_, _metadata(body)), id_))


@_conversations.delete("/{id_}")
async def delete(request: Request, id_: str) -> dict[str, Any]:
    """Erase a conversation and its items, for good."""
    shelf, organization = _place(request, id_)
    await _told(shelf.delete(organization, id_), id_)
    return {"id": id_, "object": "conversation.deleted", "deleted": True}


class Page(BaseModel):
    """Which part of a listing is wanted."""

    limit: Annotated[int, Field(ge=1, le=100)] = 20
    order: Literal["asc", "desc"] = "desc"
    after: str | None = None


@_conversations.get("/{id_}/items")
async def list_items(request: Request, id_: str, page: Annotated[Page, Query()]) -> dict[str, Any]:
    """List items, whole: `include` has nothing to add."""
    shelf, organization = _place(request, id_)
    ascending = page.order == "asc"
    call = shelf.page(organization, id_, after=page.after, limit=page.limit, ascending=ascending)
    found = await _told(call, id_, page.after or "")
    return _listed([orjson.loads(item) for item in found.items], more=found.more)


@_conversations.post("/{id_}/items")
async def create_items(request: Request, id_: str) -> dict[str, Any]:
    """Put items at the end."""
    shelf, organization = _place(request, id_, makes=True)
    items = _items(await read_object(request, _KNOWN), needed=True)
    await _told(shelf.add(organization, id_, items), id_)
    return _listed(items, more=False)


@_conversations.get("/{id_}/items/{item}")
async def retrieve_item(request: Request, id_: str, item: str) -> dict[str, Any]:
    """Return one item."""
    shelf, organization = _place(request, id_)
    found: dict[str, Any] = orjson.loads(
        await _told(shelf.item(organization, id_, item), id_, item)
    )
    return found


@_conversations.delete("/{id_}/items/{item}")
async def delete_item(request: Request, id_: str, item: str) -> dict[str, Any]:
    """Erase one item."""
    shelf, organization = _place(request, id_)
    return _as_told(await _told(shelf.remove(organization, id_, item), id_, item))


def _listed(items: list[dict[str, Any]], *, more: bool) -> dict[str, Any]:
    return {
        "object": "list",
        "data": items,
        "first_id": items[0]["id"] if items else None,
        "last_id": items[-1]["id"] if items else None,
        "has_more": more,
    }


for _base in _BASES:
    router.include_router(_conversations, prefix=_base)
