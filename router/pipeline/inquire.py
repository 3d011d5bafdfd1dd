"""Finding out what a policy needs to know of a request, and no more."""

import asyncio
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final
from zlib import crc32

from classifiers.prompt import Prompt
from classifiers.serving import UNKNOWN
from policies.hints import HintError, parse_hints
from policies.natural_language import guess_language
from policies.pii.pii import contains_pii, may_contain_pii
from policies.signals import NO_HINTS, Hints
from router.ask import Ask
from router.domain import Principal
from router.errors import BadRequest
from router.ledger.estimate import estimate_tokens
from router.pipeline.caller import Caller
from router.pipeline.gateway import Gateway
from router.pipeline.inquiry import Inquiry
from router.pipeline.signals import EVERYTHING, Reading, gather
from router.world.snapshot import Snapshot

_READ_AT_ONCE: Final = 16_000  # bytes that the detectors read in a millisecond or two
_SIFTED_AT_ONCE: Final = 1_000_000  # bytes that they look through for beginnings in as long
_NO_SHARES: Final[Mapping[str, float]] = MappingProxyType({})
_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})
_HEAD: Final = 400  # characters that tell conversations apart


async def inquire(
    gateway: Gateway, world: Snapshot, principal: Principal, request: Ask, caller: Caller
) -> Inquiry:
    """Find out what the policy needs to know. Raises BadRequest for a wrong hint."""
    hints = _hints(caller)
    needs = world.needs(hints.route or request.model)
    logged = gateway.decisions.on  # a recorded decision can be decided again by another policy
    prompt = request.prompt
    conversation = previous = ""
    if needs.sticky or needs.conversation or logged:
        conversation = conversation_of(prompt, principal)
    if needs.sticky:
        previous = await gateway.conversations.previous(
            principal.organization, conversation, follow_up=len(prompt.turns) > 1
        )
    classification = UNKNOWN
    if needs.classifier and request.classified:
        classification = await gateway.classifier.classify(prompt)
    reading = Reading(
        caller.id,
        classification.success,
        estimate_tokens(request.text_bytes, images=request.images),
        needs.pii and await _is_private(request),
        conversation,
        previous,
        _used(gateway, principal) if needs.budget else _NO_SHARES,
        time.time_ns() // 1_000_000,
        guess_language(_last(prompt)) if needs.language else "",
        caller.header_values(world.policy.headers) if world.policy.headers else _NO_HEADERS,
    )
    wanted = EVERYTHING if logged else needs
    health = gateway.dispatcher.view()
    signals = gather(world, request, principal, reading, health, needs=wanted)
    return Inquiry(principal, request, hints, needs, reading, classification, signals)


def _hints(caller: Caller) -> Hints:
    headers = caller.hint_headers()
    try:
        return parse_hints(headers) if headers else NO_HINTS
    except HintError as error:
        raise BadRequest(str(error), param=error.header) from None


def _used(gateway: Gateway, principal: Principal) -> Mapping[str, float]:
    """The shares that the customer had used when its last request was admitted."""
    budget = gateway.budgets.get(principal.organization)
    return _NO_SHARES if budget is None else budget.used()


async def _is_private(request: Ask) -> bool:
    """Whether the detectors find anything; a long prompt is read beside the event loop, unless a
    first look says that there is nothing to be found.
    """
    if "tokens" in request.features:
        return True  # nobody here can read them
    texts = request.texts()
    if request.text_bytes > _SIFTED_AT_ONCE:
        return await asyncio.to_thread(contains_pii, texts)
    if not may_contain_pii(texts):
        return False
    if request.text_bytes > _READ_AT_ONCE:
        return await asyncio.to_thread(contains_pii, texts)
    return contains_pii(texts)


def _last(prompt: Prompt) -> str:
    return prompt.turns[-1].text if prompt.turns else ""


def conversation_of(prompt: Prompt, principal: Principal) -> str:
    """Return a name that every turn of a conversation shares: its head and its key, hashed."""
    head = prompt.turns[0].text[:_HEAD] if prompt.turns else ""
    seed = f"{principal.key_id}\n{prompt.system[:_HEAD]}\n{head}"
    return f"{crc32(seed.encode()):08x}{len(seed):04x}"
