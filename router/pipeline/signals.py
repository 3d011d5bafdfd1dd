"""Everything known of a request, as the policy sees it. Facts only; judging is the policy's."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from zlib import crc32

from classifiers.prompt import Prompt
from classifiers.serving import Classification
from policies.signals import (
    BackendSignals,
    Clock,
    PrincipalSignals,
    PromptSignals,
    RequestSignals,
    Signals,
)
from router.backends.health import Health
from router.domain import Principal, Usage
from router.ledger.estimate import estimate_tokens
from router.pipeline.snapshot import Snapshot
from router.wire.chat import ChatRequest

_HEAD: Final = 400  # characters that tell conversations apart
_LOOKED_AT: Final = 4_000  # characters of the last turn
_CODE: Final = re.compile(r"```|\b(def|class|function|import|return|SELECT|#include)\b.*[(:{;]")
_MATHEMATICS: Final = re.compile(
    r"\$[^$]+\$|\\(frac|sum|int|sqrt)|\b(prove|integral|equation|polynomial|theorem)\b|\d\s*[\^*/=]\s*\d",
    re.IGNORECASE,
)


def likely_output(world: Snapshot, backend: str, request: ChatRequest) -> int:
    """Return how many output tokens are likely at `backend`, all choices together."""
    likely = world.expected_output[backend]
    if request.max_output_tokens is not None:
        likely = min(likely, request.max_output_tokens)
    return likely * request.choices


def _backend(
    world: Snapshot,
    name: str,
    request: ChatRequest,
    input_tokens: int,
    success: Mapping[str, float],
    health: Health,
) -> BackendSignals:
    backend = world.backends[name]
    usage = Usage(input_tokens, likely_output(world, name, request))
    return BackendSignals(
        success=success.get(backend.ability) if backend.ability else None,
        cost_pico=world.prices.price(name).cost(usage),
        healthy=health.healthy,
        in_flight=health.in_flight,
        queued=health.queued,
        wait_ms=health.wait_ms,
        unfit=backend.unfit(request, input_tokens + (request.max_output_tokens or 0)),
    )


@dataclass(frozen=True, slots=True)
class Reading:
    """What was found out about a prompt: probabilities, size in tokens, personal data, and when."""

    classification: Classification
    input_tokens: int
    pii: bool
    now_ms: int


def gather(
    world: Snapshot,
    request: ChatRequest,
    principal: Principal,
    reading: Reading,
    health: Mapping[str, Health],
    request_id: str,
) -> Signals:
    """Return what the policy decides on. Holds no text of the prompt."""
    success = reading.classification.success
    return Signals(
        request=_asked(request, principal, request_id, reading.pii),
        prompt=_measured(request.prompt, reading.input_tokens),
        tier=principal.tier,
        principal=PrincipalSignals(
            principal.organization, principal.team or "", principal.key_id, principal.tags
        ),
        backends={
            name: _backend(world, name, request, reading.input_tokens, success, health[name])
            for name in world.backends
        },
        clock=Clock.at(reading.now_ms, world.policy.timezone),
    )


def _asked(
    request: ChatRequest, principal: Principal, request_id: str, pii: bool
) -> RequestSignals:
    return RequestSignals(
        model=request.model,
        id=request_id,
        conversation=_conversation(request.prompt, principal),
        pii=pii,
        tools=bool(request.tools),
        images=bool(request.images),
        json_schema=request.json_schema,
        stream=request.stream,
        max_tokens=request.max_output_tokens or 0,
        user=request.user or "",
    )


def texts(prompt: Prompt) -> Iterator[str]:
    """Yield every text a model would read, for the detectors of personal data."""
    yield prompt.system
    for turn in prompt.turns:
        yield turn.text


def _conversation(prompt: Prompt, principal: Principal) -> str:
    """Return a name that every turn of a conversation shares: its head, hashed with the key's id."""
    head = prompt.turns[0].text[:_HEAD] if prompt.turns else ""
    seed = f"{principal.key_id}\n{prompt.system[:_HEAD]}\n{head}"
    return f"{crc32(seed.encode()):08x}"


def _measured(prompt: Prompt, input_tokens: int) -> PromptSignals:
    text = prompt.turns[-1].text[:_LOOKED_AT] if prompt.turns else ""
    return PromptSignals(
        tokens=input_tokens,
        turns=len(prompt.turns),
        code=_CODE.search(text) is not None,
        math=_MATHEMATICS.search(text) is not None,
        system_tokens=estimate_tokens(len(prompt.system)) if prompt.system else 0,
    )
