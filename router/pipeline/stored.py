"""Responses that the gateway keeps, on the corridor: what a request names is put in its place.

Theory of operation. Where the gateway keeps responses, no backend is asked to. A request that
continues one of ours goes on as if its client had sent the whole conversation, so that whoever
looks at it afterwards (classifier, detectors, quotas) sees what the model will see. What only a
provider can read (ids of its own, its conversations) goes on as it came, and is not kept here. Work
in the background is this gateway's own (`router.pipeline.background`).
"""

from collections.abc import Mapping
from functools import partial
from importlib import import_module
from typing import Any, Final, NamedTuple

import orjson

from policies.decision import Decision
from router.ask import STORED_STATE, Ask
from router.domain import Principal
from router.errors import BadRequest
from router.ledger.text_weights import weight
from router.operations.operation import Parse
from router.pipeline.background import Background
from router.pipeline.caller import Caller
from router.pipeline.conversing import ConversationShelf, Talk, conversation_named, talk_of
from router.pipeline.keeping import KeepingCaller
from router.pipeline.request_context import RequestContext
from router.pipeline.serving import RunShelf
from router.protocols.ahead import read_ahead
from router.protocols.beside import beside_if_large, json_of
from router.protocols.edits import with_value, without
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
from router.protocols.responses.running import is_running
from router.protocols.splice import splice
from router.stored.response import MissingResponse, TooMuch
from router.world.config import Config
from router.world.snapshot import Snapshot

MOST_RESPONSES: Final = 500  # that one request continues
_PREVIOUS: Final = "previous_response_id"
_NAMED: Final = "conversation"
_COMPACTION: Final = "compaction"
_STORE: Final = "needs 'store' to be true. Leave 'store' out, or 'background'."
_UNSTORED: Final = (
    "needs a response that is kept, and without 'store: true', or for this tier at all, none is"
    " kept here. Send 'store: true', or leave it out."
)
_ELSEWHERE: Final = (
    "cannot go with what only a provider keeps (its own ids of responses, conversations, prompts,"
    " items and files). Send these whole in 'input', or leave it out."
)
_PRIVATE: Final = (
    "needs a response that is kept, and what is private is kept only where it goes to backends of"
    " `responses.home` alone. Leave it out."
)
_TALKS: Final = (
    "goes on with no conversation. Leave it out, or name the response that it continues"
    " ('previous_response_id')."
)
_NO_KEYS: Final = (
    "needs a gateway that keeps responses, and this one keeps none (its operator set no"
    " `responses.keys`). Leave it out, or stream the response."
)


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
    shelf: RunShelf = opening.open_shelf(url, keys, **terms)
    return KeptResponses(
        shelf,
        Background(shelf, most=section.background, most_each=section.background_each),
        opening.open_conversation_shelf(url, keys, shelf, **terms),
        by_default=section.by_default,
        home=frozenset(section.home),
        most_bytes=config.limits.body,
    )


class _Named(NamedTuple):
    """What a request names of ours: the input with items in place, a response, a conversation."""

    given: Any
    previous: str | None = None
    talk: Talk | None = None


class KeptResponses:
    """See `router.pipeline.serving.Keeps`."""

    def __init__(
        self,
        shelf: RunShelf,
        background: Background,
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
        self.background = background
        self.conversations = conversations
        self._by_default = by_default
        self._home = home
        self._most_bytes = most_bytes

    async def resumed(
        self, parse: Parse, world: Snapshot, principal: Principal, ask: Ask, fields: Fields
    ) -> Ask:
        """Return the request with the conversation that it continues, to be kept or not."""
        body = ask.body
        background = bool(body.get("background"))
        if background:
            ask = await beside_if_large(len(ask.raw), partial(without, ask, ["background"]))
        named = _Named(body.get("input"))
        if STORED_STATE in ask.features:
            ask, named = await self._named(parse, principal.organization, ask, fields)
            if STORED_STATE in ask.features and named.talk is None:
                if background:
                    raise _not_there(_ELSEWHERE)
                return ask
        if ask.operation == _COMPACTION:  # it is an answer that nobody names again
            return ask
        if background and named.talk is not None:
            raise _not_there(_TALKS)
        if body.get("store") is not False:
            if has_unsealed(ask.body.get("input")):  # nobody will remember what they stand for
                ask = await _with_input(parse, ask, [*replayed(ask.body["input"])], fields)
            ask = await beside_if_large(len(ask.raw), partial(with_value, ask, "store", False))
        wanted = self._wanted(body, world, principal)
        if background and not wanted:
            raise _not_there(_STORE if body.get("store") is False else _UNSTORED)
        kept = Kept(named.previous, named.given, wanted, background, named.talk)
        return ask._replace(kept=kept) if named.previous or named.talk or wanted else ask

    async def _named(
        self, parse: Parse, organization: str, ask: Ask, fields: Fields
    ) -> "tuple[Ask, _Named]":
        """The request with what it names of ours in its place, and what that was."""
        given, previous = ask.body.get("input"), ask.body.get(_PREVIOUS)
        ours = previous if is_kept_id(previous) else None
        items = await self._in_place(organization, given)
        id_ = conversation_named(ask.body)
        talk = await talk_of(self.conversations, organization, id_, most_bytes=self._most_bytes)
        if ours is not None or talk is not None or items is not given:
            earlier = [] if talk is None else talk.earlier
            if ours is not None:
                earlier = await self.conversation(organization, ours)
            ask = await _with_input(parse, ask, [*earlier, *replayed(listed(items))], fields)
        return ask, _Named(items, ours, talk)

    async def begin(self, context: RequestContext, decision: Decision) -> RequestContext:
        """Begin what was asked in the background; return it as backends are asked for it."""
        if self._leaves_home(context, decision):
            raise _not_there(_PRIVATE)
        await self.background.begin(context.id)
        ask = context.ask
        if not ask.stream and decision.cascade is None:  # a cascade judges whole answers
            streamed = partial(with_value, ask, "stream", value=True)
            ask = (await beside_if_large(len(ask.raw), streamed))._replace(stream=True)
        return context._replace(ask=ask)

    def keeping(self, caller: Caller, context: RequestContext, decision: Decision) -> Caller:
        """Return the caller as an answer meets it: what is private is kept at home alone."""
        kept: Kept = context.ask.kept
        if kept.background:
            return caller
        if self._leaves_home(context, decision):
            kept = kept._replace(wanted=False)
        organization, size = context.principal.organization, len(context.ask.raw)
        return KeepingCaller(
            caller, self.shelf, organization, kept_id(context.id), kept, asked=size
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
        last = chain[-1].document
        if b'"background":true' in last and is_running(orjson.loads(last)["response"]):
            raise BadRequest(
                f"Response with id '{id_}' is still worked on. Please wait for its end.",
                param=_PREVIOUS,
            )
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

    def _leaves_home(self, context: RequestContext, decision: Decision) -> bool:
        """Whether something private may go elsewhere: then it is not kept."""
        return bool(context.pii) and not decision.allowed <= self._home

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


def refuse_background(ask: Ask) -> None:
    """BadRequest where a response is to be answered in the background, and nothing is kept."""
    if ask.body.get("background"):
        raise _not_there(_NO_KEYS)


def _not_there(why: str) -> BadRequest:
    return BadRequest(f"'background' {why}", param="background")


async def _with_input(parse: Parse, ask: Ask, items: list[Any], fields: Fields) -> Ask:
    """The request with this input in place of its own, and of a response or a conversation of ours
    that it names."""
    edits: dict[str, bytes | None] = {"input": json_of(items, len(ask.raw))}
    if is_kept_id(ask.body.get(_PREVIOUS)):
        edits[_PREVIOUS] = None
    if is_conversation_id(conversation_named(ask.body)):
        edits[_NAMED] = None
    raw = splice(ask.raw, ask.members, edits)
    await read_ahead(raw, weight)
    return parse(raw, fields)._replace(session=ask.session)
