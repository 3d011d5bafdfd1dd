"""Gathers what a policy needs to know of a request, and no more, into one frozen context."""

import time
from collections.abc import Awaitable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, NamedTuple, Protocol

from classifiers.classification import UNKNOWN, Classification
from classifiers.prompt import Prompt
from policies.hints import HintError, parse_hints
from policies.natural_language import guess_language
from policies.pii.reading import PrivateData
from policies.policy import Needs
from policies.signals import NO_HINTS, Hints
from router.ask import Ask
from router.conversation import conversation_of
from router.domain import Principal
from router.errors import BadRequest
from router.ledger.estimate import estimate_tokens
from router.ledger.reserve_request import Budget, Run, RunLeft
from router.pipeline.detectors import Detectors
from router.pipeline.runs import NOT_KNOWN, RunsKnown, run_of
from router.world.snapshot import Snapshot

_NO_SHARES: Final[Mapping[str, float]] = MappingProxyType({})
_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


class Classifies(Protocol):
    """The classifier of prompts: on time, or UNKNOWN."""

    def classify(self, prompt: Prompt, customer: str = ...) -> Awaitable[Classification]:
        """Return P(success) per ability. Never raises."""


class Remembers(Protocol):
    """Who served a conversation last."""

    async def previous(self, organization: str, conversation: str, *, follow_up: bool) -> str:
        """Return the backend's name, empty where nobody knows."""


class Hinting(Protocol):
    """Who asks, as far as its headers say something to a policy."""

    id: str

    def hint_headers(self) -> Mapping[str, str]:
        """Return the request's x-turnout-* headers, names in lower case."""

    def header_values(self, names: Iterable[str]) -> Mapping[str, str]:
        """Return those of the request's headers that were sent; names in lower case."""


@dataclass(frozen=True, slots=True)
class Senses:
    """What finds out about a request.

    `budgets` are the quotas left as an organization's last request was let in; `recorded`: every
    fact is gathered, since decisions are logged and may be decided again by another policy.
    """

    classifier: Classifies
    conversations: Remembers
    budgets: MutableMapping[str, Budget | None]
    recorded: bool = False
    detectors: Detectors = field(default_factory=Detectors)
    runs: RunsKnown = field(default_factory=RunsKnown)


class RequestContext(NamedTuple):
    """Everything known of one request before it is decided.

    `world` is the snapshot it keeps to its end; `at_ms` when it was read; `input_tokens` an upper
    bound of its prompt. `pii` is true where private data was found, or not all could be read.
    `conversation` and `previous` are empty where nobody needs them; `budget` holds the shares of
    its quotas that the customer had used.
    """

    id: str
    at_ms: int
    world: Snapshot
    principal: Principal
    ask: Ask
    hints: Hints
    needs: Needs
    classification: Classification
    input_tokens: int
    pii: PrivateData
    conversation: str
    previous: str
    budget: Mapping[str, float]
    language: str
    headers: Mapping[str, str]  # that the policy reads
    run: Run | None = None  # in tiers that count runs
    left: RunLeft = NOT_KNOWN  # of its purse, where the policy asks


async def gather(
    senses: Senses, world: Snapshot, principal: Principal, ask: Ask, caller: Hinting
) -> RequestContext:
    """Find out what the policy needs to know. Raises BadRequest for a wrong hint."""
    hints = _hints(caller)
    needs = world.needs(hints.route or ask.model)
    prompt = ask.prompt
    conversation = previous = ""
    if needs.sticky or needs.conversation or senses.recorded:
        conversation = conversation_of(prompt, principal.key_id)
    if needs.sticky:
        previous = await senses.conversations.previous(
            principal.organization, conversation, follow_up=len(prompt.turns) > 1
        )
    runs = world.standing_of(principal).runs
    run = None if runs is None else run_of(ask, caller.header_values, runs)
    classification = UNKNOWN
    if needs.classifier and ask.classified:
        classification = await senses.classifier.classify(prompt, principal.organization)
    return RequestContext(
        caller.id,
        time.time_ns() // 1_000_000,
        world,
        principal,
        ask,
        hints,
        needs,
        classification,
        estimate_tokens(ask.text_bytes, ask.images, ask.media)
        if ask.declared is None
        else tokens_of(ask),
        await senses.detectors.finding_of(
            ask, principal, hints.route or ask.model, world.standing_of(principal).priority.rank
        )
        if needs.pii
        else PrivateData.NOTHING,
        conversation,
        previous,
        _used(senses, principal) if needs.budget else _NO_SHARES,
        guess_language(prompt.last_text) if needs.language else "",
        caller.header_values(world.policy.headers) if world.policy.headers else _NO_HEADERS,
        run,
        senses.runs.left(principal.organization, run) if needs.run else NOT_KNOWN,
    )


def tokens_of(ask: Ask) -> int:
    """Return an upper bound of a prompt's tokens: none where nothing in it is read as tokens."""
    if ask.declared is not None and not ask.text_bytes:
        return 0
    return estimate_tokens(ask.text_bytes, ask.images, ask.media)


def _hints(caller: Hinting) -> Hints:
    headers = caller.hint_headers()
    try:
        return parse_hints(headers) if headers else NO_HINTS
    except HintError as error:
        raise BadRequest(str(error), param=error.header) from None


def _used(senses: Senses, principal: Principal) -> Mapping[str, float]:
    """The shares that the customer had used when its last request was admitted."""
    budget = senses.budgets.get(principal.organization)
    return _NO_SHARES if budget is None else budget.used()
