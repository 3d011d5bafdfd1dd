"""Everything known of a request, as the policy sees it. Facts only; judging is the policy's."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from classifiers.prompt import Prompt
from policies.signals import (
    BackendSignals,
    Clock,
    PrincipalSignals,
    PromptSignals,
    RequestSignals,
    Signals,
)
from router.backends.capacity import cost_elsewhere, shadow_price
from router.backends.health import Health
from router.domain import Principal, Usage
from router.ledger.estimate import estimate_tokens
from router.pipeline.snapshot import Snapshot
from router.wire.chat import ChatRequest

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


def likely_output(world: Snapshot, backend: str, request: ChatRequest) -> int:
    """Return how many output tokens are likely at `backend`, all choices together."""
    likely = world.expected_output[backend]
    if request.max_output_tokens is not None:
        likely = min(likely, request.max_output_tokens)
    return likely * request.choices


@dataclass(frozen=True, slots=True)
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
    headers: Mapping[str, str] = field(default_factory=dict)  # those that the policy reads


def gather(
    world: Snapshot,
    request: ChatRequest,
    principal: Principal,
    reading: Reading,
    health: Mapping[str, Health],
) -> Signals:
    """Return what the policy decides on. Holds no text of the prompt."""
    return Signals(
        request=_asked(request, reading),
        prompt=_measured(request.prompt, reading),
        tier=principal.tier,
        principal=PrincipalSignals(
            principal.organization, principal.team or "", principal.key_id, principal.tags
        ),
        backends=_Backends(world, request, reading, health),
        budget=reading.budget,
        clock=Clock.at(reading.now_ms, world.policy.timezone),
    )


class _Backends(Mapping[str, BackendSignals]):
    """Each backend's facts, found out when the policy first asks for them: a decision looks at the
    candidates of one route, however many backends there are.
    """

    __slots__ = ("_health", "_known", "_reading", "_request", "_world")

    def __init__(
        self,
        world: Snapshot,
        request: ChatRequest,
        reading: Reading,
        health: Mapping[str, Health],
    ) -> None:
        self._world = world
        self._request = request
        self._reading = reading
        self._health = health
        self._known: dict[str, BackendSignals] = {}

    def __getitem__(self, name: str) -> BackendSignals:
        known = self._known.get(name)
        if known is None:
            known = self._known[name] = self._facts(name)
        return known

    def __iter__(self) -> Iterator[str]:
        return iter(self._world.backends)

    def __len__(self) -> int:
        return len(self._world.backends)

    def _cost(self, name: str) -> int:
        """Return what the request is likely to cost there, in pico-USD."""
        output = likely_output(self._world, name, self._request)
        return self._world.prices.price(name).cost(Usage(self._reading.input_tokens, output))

    def _facts(self, name: str) -> BackendSignals:
        """Return one backend's facts; a scarce slot is worth what leaving it would cost."""
        backend, health = self._world.backends[name], self._health[name]
        request, reading = self._request, self._reading
        cost_pico = self._cost(name)
        if backend.capacity is not None:
            costs = {other: self._cost(other) for other in self._world.backends}
            cost_pico += shadow_price(health.load, cost_elsewhere(costs, name))
        return BackendSignals(
            success=reading.success.get(backend.ability) if backend.ability else None,
            cost_pico=cost_pico,
            healthy=health.healthy,
            in_flight=health.in_flight,
            queued=health.queued,
            wait_ms=health.wait_ms,
            unfit=backend.unfit(request, reading.input_tokens + (request.max_output_tokens or 0)),
        )


def _asked(request: ChatRequest, reading: Reading) -> RequestSignals:
    return RequestSignals(
        model=request.model,
        id=reading.request_id,
        conversation=reading.conversation,
        previous=reading.previous,
        pii=reading.pii,
        tools=bool(request.tools),
        images=bool(request.images),
        json_schema=request.json_schema,
        stream=request.stream,
        max_tokens=request.max_output_tokens or 0,
        user=request.user or "",
        headers=reading.headers,
    )


def _measured(prompt: Prompt, reading: Reading) -> PromptSignals:
    text = prompt.turns[-1].text[:_LOOKED_AT] if prompt.turns else ""
    return PromptSignals(
        tokens=reading.input_tokens,
        turns=len(prompt.turns),
        language=reading.language,
        code=_is_code(text),
        math=_is_mathematics(text),
        system_tokens=estimate_tokens(len(prompt.system)) if prompt.system else 0,
    )
