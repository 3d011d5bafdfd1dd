"""Everything known of a request, as the policy sees it. Facts only; judging is the policy's."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import field, fields
from types import MappingProxyType
from typing import Final

from classifiers.prompt import Prompt
from policies.policy import Needs
from policies.signals import (
    BackendSignals,
    Clock,
    PrincipalSignals,
    PromptSignals,
    RequestSignals,
    Signals,
)
from policies.value import value
from router.ask import Ask
from router.backends.health.health import Health
from router.backends.health.slots import KNEE, cost_elsewhere, shadow_price
from router.domain import Principal
from router.ledger.estimate import estimate_tokens
from router.world.snapshot import Snapshot

_LOOKED_AT: Final = 4_000  # characters of the last turn
# Each pattern stands behind a look for the one thing that it cannot do without: an alternation of
# words is slow to find nothing, and most prompts hold neither code nor mathematics.
_KEYWORDS: Final = ("def", "class", "function", "import", "return", "SELECT", "#include")
_CODE: Final = MappingProxyType({word: re.compile(rf"\b{word}\b.*[(:{{;]") for word in _KEYWORDS})
_MATHEMATICAL: Final = ("prove", "integral", "equation", "polynomial", "theorem")
_WORDS: Final = MappingProxyType({word: re.compile(rf"\b{word}\b") for word in _MATHEMATICAL})
_SIGNS: Final = ("^", "*", "/", "=")
_FORMULA: Final = re.compile(r"\$[^$]+\$")
_LATEX: Final = re.compile(r"\\(frac|sum|int|sqrt)", re.IGNORECASE)
_ARITHMETIC: Final = re.compile(r"\d\s*[\^*/=]\s*\d")

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
_ANYBODY: Final = PrincipalSignals()
_ANY_TIME: Final = Clock()
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
    return world.prices.price(backend).fresh(input_tokens, output * request.choices)


@value
class Reading:
    """What was found out about one request; `success` is empty where it is unknown."""

    request_id: str
    success: Mapping[str, float]
    input_tokens: int
    pii: bool
    conversation: str
    previous: str
    budget: Mapping[str, float]
    now_ms: int
    language: str = ""
    headers: Mapping[str, str] = field(default_factory=lambda: _NOTHING)  # that the policy reads


def gather(
    world: Snapshot,
    request: Ask,
    principal: Principal,
    reading: Reading,
    health: Mapping[str, Health],
    *,
    needs: Needs = EVERYTHING,
) -> Signals:
    """Return what the policy decides on. Holds no text of the prompt.

    What `needs` does not name is left out where it takes time to find out: nobody would read it.
    """
    return Signals(
        _asked(request, reading),
        _measured(request.prompt, reading, needs),
        principal.tier,
        _who(principal) if needs.principal else _ANYBODY,
        _Backends(world, request, reading, health, counted=needs.backends),
        reading.budget,
        Clock.at(reading.now_ms, world.policy.timezone) if needs.clock else _ANY_TIME,
    )


class _Backends(Mapping[str, BackendSignals]):
    """Each backend's facts, found out when the policy first asks for them: a decision looks at the
    candidates of one route, however many backends there are.
    """

    __slots__ = ("_costs", "_counted", "_health", "_known", "_reading", "_request", "_world")

    def __init__(
        self,
        world: Snapshot,
        request: Ask,
        reading: Reading,
        health: Mapping[str, Health],
        *,
        counted: bool,
    ) -> None:
        self._world = world
        self._request = request
        self._reading = reading
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
        return name in self._world.backends

    def __iter__(self) -> Iterator[str]:
        return iter(self._world.backends)

    def __len__(self) -> int:
        return len(self._world.backends)

    def _facts(self, name: str) -> BackendSignals:
        """Return one backend's facts; a scarce slot is worth what leaving it would cost."""
        world, request, reading = self._world, self._request, self._reading
        backend, health = world.backends[name], self._health[name]
        cost_pico = likely_cost(world, name, request, reading.input_tokens)
        if backend.capacity is not None and (load := health.load) > KNEE:
            cost_pico += shadow_price(load, cost_elsewhere(self._everywhere(), name))
        success = reading.success.get(backend.ability) if backend.ability else None
        unfit = backend.unfit(request, reading.input_tokens + (request.max_output_tokens or 0))
        if not self._counted:
            return BackendSignals(success, cost_pico, health.healthy, 0, 0, 0, unfit)
        return BackendSignals(
            success,
            cost_pico,
            health.healthy,
            health.in_flight,
            health.queued,
            health.wait_ms,
            unfit,
        )

    def _everywhere(self) -> dict[str, int]:
        """What the request is likely to cost at each backend there is; found out once."""
        if not self._costs:
            world, tokens = self._world, self._reading.input_tokens
            self._costs = {n: likely_cost(world, n, self._request, tokens) for n in world.backends}
        return self._costs


def _asked(request: Ask, reading: Reading) -> RequestSignals:
    return RequestSignals(
        request.model,
        "",
        reading.request_id,
        reading.conversation,
        reading.previous,
        reading.pii,
        bool(request.tools),
        bool(request.images),
        request.json_schema,
        request.stream,
        request.max_output_tokens or 0,
        request.user or "",
        reading.headers,
    )


def _who(principal: Principal) -> PrincipalSignals:
    return PrincipalSignals(
        principal.organization, principal.team or "", principal.key_id, principal.tags
    )


def _measured(prompt: Prompt, reading: Reading, needs: Needs) -> PromptSignals:
    code = math = False
    if needs.code or needs.math:
        text = prompt.turns[-1].text[:_LOOKED_AT] if prompt.turns else ""
        code, math = _is_code(text), _is_mathematics(text)
    return PromptSignals(
        reading.input_tokens,
        len(prompt.turns),
        reading.language,
        code,
        math,
        estimate_tokens(len(prompt.system)) if prompt.system else 0,
    )
