"""Responses that the gateway keeps, on the corridor: what a request names is put in its place.

Theory of operation. Where the gateway keeps responses, no backend is asked to. A request that
continues one of ours goes on as if its client had sent the whole conversation, so that whoever
looks at it afterwards (classifier, detectors, quotas) sees what the model will see. What only a
provider can read (ids of its own, its conversations, work in the background) goes on as it came,
and is not kept here.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

import orjson

from policies.decision import Decision
from router.ask import STORED_STATE, Ask
from router.domain import Principal
from router.errors import BadRequest
from router.operations.operation import Parse
from router.pipeline.caller import Caller
from router.pipeline.conversing import ConversationShelf, conversation_named, talk_of
from router.pipeline.keeping import KeepingCaller
from router.pipeline.request_context import RequestContext
from router.pipeline.serving import Shelf
from router.protocols.edits import with_value
from router.protocols.headers import Fields
from router.protocols.responses.kept import (
    Kept,
    has_unsealed,
    is_conversation_id,
    is_item_id,
    is_kept_id,
    is_reference,
    items_of,
    kept_id,
    listed,
    replayed,
)
from router.protocols.splice import splice
from router.stored.response import MissingResponse, TooMuch
from router.world.config import Config
from router.world.snapshot import Snapshot

MOST_RESPONSES: Final = 500  # that one request continues
_PREVIOUS: Final = "previous_response_id"
_NAMED: Final = "conversation"
_COMPACTION: Final = "compaction"


def kept_responses(url: str, config: Config) -> "KeptResponses | None":
    """Return what keeps responses as the operator wrote it; None without a key.

    Raises DatabaseError where its tables cannot be made.
    """
    section = config.responses
    if not section.keys:
        return None
    keys = [key.get_secret_value() for key in section.keys]
    opening = import_module("router.stored.opening")  # it needs an extra
    terms = {"keep": section.keep, "room": section.room}
    shelf: Shelf = opening.open_shelf(url, keys, **terms)
    return KeptResponses(
        shelf,
        opening.open_conversation_shelf(url, keys, shelf, **terms),
        by_default=section.by_default,
        home=frozenset(section.home),
        most_bytes=config.limits.body,
    )


class KeptResponses:
    """See `router.pipeline.serving.Keeps`."""

    def __init__(
        self,
        shelf: Shelf,
        conversations: ConversationShelf,
        *,
        by_default: bool,
        home: frozenset[str],
        most_bytes: int,
    ) -> None:
        """`by_default`: responses are kept whose request says nothing; `home`: the backends whose
        private answers are kept; `most_bytes` of a conversation are continued.
        """
        self.shelf = shelf
        self.conversations = conversations
        self._by_default = by_default
        self._home = home
        self._most_bytes = most_bytes

    async def resumed(
        self, parse: Parse, world: Snapshot, principal: Principal, ask: Ask, fields: Fields
    ) -> Ask:
        """Return the request with the conversation that it continues, to be kept or not."""
        body, organization = ask.body, principal.organization
        given, previous = body.get("input"), body.get(_PREVIOUS)
        ours, talk = previous if is_kept_id(previous) else None, None
        if STORED_STATE in ask.features:
            items = await self._in_place(organization, given)
            talk = await talk_of(
                self.conversations,
                organization,
                conversation_named(body),
                most_bytes=self._most_bytes,
            )
            if ours is not None or talk is not None or items is not given:
                earlier = [] if talk is None else talk.earlier
                if ours is not None:
                    earlier = await self.conversation(organization, ours)
                ask = _with_input(parse, ask, [*earlier, *replayed(listed(items))], fields)
            if STORED_STATE in ask.features and talk is None:
                return ask
            given = items
        if ask.operation == _COMPACTION:  # it is an answer that nobody names again
            return ask
        if body.get("background"):
            if talk is not None:
                raise BadRequest(
                    "A response in the background goes on with no conversation. Leave 'background'"
                    " out, or name the response that it continues.",
                    param="background",
                )
            return ask
        if body.get("store") is not False:
            if has_unsealed(ask.body.get("input")):  # nobody will remember what they stand for
                ask = _with_input(parse, ask, [*replayed(ask.body["input"])], fields)
            ask = with_value(ask, "store", False)
        wanted = self._wanted(body, world, principal)
        kept = Kept(ours, given, wanted, talk)
        return ask._replace(kept=kept) if ours or talk or wanted else ask

    def keeping(self, caller: Caller, context: RequestContext, decision: Decision) -> Caller:
        """Return the caller as an answer meets it: what is private is kept at home alone."""
        kept: Kept = context.ask.kept
        leaves = context.pii and not decision.allowed <= self._home
        if leaves:
            kept = kept._replace(wanted=False)
        return KeepingCaller(
            caller, self.shelf, context.principal.organization, kept_id(context.id), kept
        )

    async def conversation(self, organization: str, id_: str) -> list[dict[str, Any]]:
        """Return what was asked and answered up to a response, as input of the next.

        Raises BadRequest, Unavailable.
        """
        try:
            chain = await self.shelf.chain(
                organization, id_, most=MOST_RESPONSES, most_bytes=self._most_bytes
            )
        except MissingResponse as error:
            raise BadRequest(
                f"Previous response with id '{error.id}' not found.",
                param=_PREVIOUS,
                code="previous_response_not_found",
            ) from None
        except TooMuch:
            raise self._too_much(_PREVIOUS) from None
        return [item for one in chain for item in replayed(items_of(one.document))]

    async def _in_place(self, organization: str, given: Any) -> Any:
        """The input with items of ours in the place of their names; itself where it has none."""
        items = given if isinstance(given, list) else ()
        names = [item["id"] for item in items if is_reference(item)]
        names = [name for name in names if is_item_id(name)]
        if not names:
            return given
        try:
            found = await self.shelf.items(organization, names, most_bytes=self._most_bytes)
        except TooMuch:
            raise self._too_much("input") from None
        there = {name: orjson.loads(item) for name, item in found.items()}
        if not there:
            return given
        return [there.get(item["id"], item) if is_reference(item) else item for item in items]

    def _too_much(self, param: str) -> BadRequest:
        return BadRequest(
            f"The conversation has more than {MOST_RESPONSES} responses, or {self._most_bytes}"
            " bytes: more than this gateway puts together. Send what matters of it in 'input'.",
            param=param,
            code="conversation_too_long",
        )

    def allows(self, world: Snapshot, principal: Principal) -> bool:
        """Whether anything is kept for a customer of this tier."""
        tier = world.policy.tiers.get(principal.tier)
        return tier is None or tier.store

    def _wanted(self, body: Mapping[str, Any], world: Snapshot, principal: Principal) -> bool:
        store = body.get("store")
        if store is None:  # whoever names a conversation of ours wants it to go on
            store = self._by_default or is_conversation_id(conversation_named(body))
        return bool(store) and self.allows(world, principal)


def _with_input(parse: Parse, ask: Ask, items: list[Any], fields: Fields) -> Ask:
    """The request with this input in place of its own, and of a response or a conversation of ours
    that it names."""
    edits: dict[str, bytes | None] = {"input": orjson.dumps(items)}
    if is_kept_id(ask.body.get(_PREVIOUS)):
        edits[_PREVIOUS] = None
    if is_conversation_id(conversation_named(ask.body)):
        edits[_NAMED] = None
    return parse(splice(ask.raw, ask.members, edits), fields)._replace(session=ask.session)
