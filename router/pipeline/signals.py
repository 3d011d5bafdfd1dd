"""Everything known of a request, as the policy sees it. Facts only; judging is the policy's."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Final

from policies.pii.reading import PrivateData
from policies.policy import Needs
from policies.signals import (
    BackendSignals,
    Clock,
    PrincipalSignals,
    PromptSignals,
    RequestSignals,
    RunSignals,
    Signals,
)
from router.ask import Ask
from router.backends.fitness import doubt, unfit
from router.backends.health.health import Health
from router.backends.health.slots import KNEE, cost_elsewhere, shadow_price
from router.domain import Principal
from router.ledger.estimate import estimate_tokens
from router.pipeline.request_context import RequestContext
from router.pipeline.runs import NOT_KNOWN
from router.world.snapshot import Snapshot

_LOOKED_AT: Final = 4_000  # characters of the last turn
# Each pattern runs only where something that every match contains is present: an alternation of
# words is slow to fail, and most prompts hold neither code nor mathematics.
_KEYWORDS: Final = ("def", "class", "function", "import", "return", "SELECT", "#include")
_CODE: Final = MappingProxyType({word: re.compile(rf"\b{word}\b.*[(:{{;]") for word in _KEYWORDS})
_MATHEMATICAL: Final = ("prove", "integral", "equation", "polynomial", "theorem")
_WORDS: Final = MappingProxyType({word: re.compile(rf"\b{word}\b") for word in _MATHEMATICAL})
_SIGNS: Final = ("^", "*", "/", "=")
_FORMULA: Final = re.compile(r"\$[^$]+\$")
_LATEX: Final = re.compile(r"\\(frac|sum|int|sqrt)", re.IGNORECASE)
_ARITHMETIC: Final = re.compile(r"\d\s*[\^*/=]\s*\d")

_ANYBODY: Final = PrincipalSignals()
_ANY_TIME: Final = Clock()
_NO_RUN: Final = RunSignals()
EVERYTHING: Final = Needs(*[True] * len(fields(Needs)))


def _is_code(text: str) -> bool:
    if "```" in text:
        return True
    return any(word in text and pattern.search(text) for word, pattern in _CODE.items())


def _is_mathematics(text: str) -> bool:
    if "$" in text and _FORMULA.search(text):
        return True
    if "\\" in text and _LATEX.search(text):
        return True
    if any(map(text.__contains__, _SIGNS)) and _ARITHMETIC.search(text):
        return True
    lowered = text.lower()
    return any(word in lowered and pattern.search(lowered) for word, pattern in _WORDS.items())


def likely_cost(world: Snapshot, backend: str, request: Ask, input_tokens: int) -> int:
    """Return what the request is likely to cost at `backend`, by the price book alone, pico-USD.

    The output is as long as the configuration expects there, within the client's cap, and comes
    once for each choice.
    """
    output, cap = world.expected_output[backend], request.max_output_tokens
    if cap is not None and cap < output:
        output = cap
    price = world.prices.price(backend)
    return price.fresh(input_tokens, output * request.choices, request.units)


def read_signals(context: RequestContext, health: Mapping[str, Health], needs: Needs) -> Signals:
    """Return what the policy decides on. Holds no text of the prompt.

    What `needs` does not name is left out where it takes time to find out: nobody would read it.
    """
    principal = context.principal
    return Signals(
        _asked(context),
        _measured(context, needs),
        principal.tier,
        _who(principal) if needs.principal else _ANYBODY,
        _Backends(context, health, counted=needs.backends),
        context.budget,
        Clock.at(context.at_ms, context.world.policy.timezone) if needs.clock else _ANY_TIME,
        _NO_RUN
        if context.left is NOT_KNOWN
        else RunSignals(context.left.used_share, context.left.repeats),
    )


class _Backends(Mapping[str, BackendSignals]):
    """Each backend's facts, worked out when the policy first asks for them: a decision looks at the
    candidates of one route, however many backends there are.
    """

    __slots__ = ("_context", "_costs", "_counted", "_health", "_known")

    def __init__(
        self, context: RequestContext, health: Mapping[str, Health], *, counted: bool
    ) -> None:
        self._context = context
        self._health = health
        self._counted = counted
        self._known: dict[str, BackendSignals] = {}
        self._costs: dict[str, int] = {}

    def __getitem__(self, name: str) -> BackendSignals:
        known = self._known.get(name)
        if known is None:
            known = self._known[name] = self._facts(name)
        return known

    def __contains__(self, name: object) -> bool:
        return name in self._context.world.backends

    def __iter__(self) -> Iterator[str]:
        return iter(self._context.world.backends)

    def __len__(self) -> int:
        return len(self._context.world.backends)

    def _facts(self, name: str) -> BackendSignals:
        """Return one backend's facts; a scarce slot is worth what leaving it would cost."""
        context, health = self._context, self._health[name]
        ask, tokens = context.ask, context.input_tokens
        backend = context.world.backends[name]
        cost_pico = likely_cost(context.world, name, ask, tokens)
        if backend.capacity is not None and (load := health.load) > KNEE:
            cost_pico += shadow_price(load, cost_elsewhere(self._everywhere(), name))
        ability = backend.ability
        success = context.classification.success.get(ability) if ability else None
        why_unfit = unfit(backend, ask, tokens + (ask.max_output_tokens or 0))
        doubtful = doubt(backend, ask) if ask.features else None
        if not self._counted:
            return BackendSignals(success, cost_pico, health.healthy, 0, 0, 0, why_unfit, doubtful)
        return BackendSignals(
            success,
            cost_pico,
            health.healthy,
            health.in_flight,
            health.queued,
            health.wait_ms,
            why_unfit,
            doubtful,
        )

    def _everywhere(self) -> dict[str, int]:
        """What the request is likely to cost at each backend; computed once."""
        if not self._costs:
            context = self._context
            world, ask, tokens = context.world, context.ask, context.input_tokens
            self._costs = {name: likely_cost(world, name, ask, tokens) for name in world.backends}
        return self._costs


def _asked(context: RequestContext) -> RequestSignals:
    ask = context.ask
    return RequestSignals(
        ask.model,
        "",
        context.id,
        context.conversation,
        context.previous,
        bool(context.pii),
        bool(ask.tools),
        bool(ask.images),
        ask.json_schema,
        ask.stream,
        ask.max_output_tokens or 0,
        ask.user or "",
        context.headers,
        context.pii is PrivateData.UNREAD,
    )


def _who(principal: Principal) -> PrincipalSignals:
    return PrincipalSignals(
        principal.organization, principal.team or "", principal.key_id, principal.tags
    )


def _measured(context: RequestContext, needs: Needs) -> PromptSignals:
    prompt = context.ask.prompt
    code = math = False
    if needs.code or needs.math:
        text = prompt.last_text[:_LOOKED_AT]
        code, math = _is_code(text), _is_mathematics(text)
    return PromptSignals(
        context.input_tokens,
        len(prompt.turns),
        context.language,
        code,
        math,
        estimate_tokens(len(prompt.system)) if prompt.system else 0,
    )
