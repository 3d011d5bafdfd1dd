"""Everything known of a request, as the policy sees it. Facts only; judging is the policy's."""

from collections.abc import Mapping

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
from router.backends.dispatch import Health
from router.domain import Principal, Usage
from router.pipeline.snapshot import Snapshot
from router.wire.chat import ChatRequest


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


def gather(
    world: Snapshot,
    request: ChatRequest,
    principal: Principal,
    classification: Classification,
    health: Mapping[str, Health],
    *,
    request_id: str,
    input_tokens: int,
    pii: bool,
    prompt: PromptSignals,
    now_ms: int,
) -> Signals:
    """Return what the policy decides on. Holds no text of the prompt."""
    success = classification.success
    return Signals(
        request=RequestSignals(
            model=request.model,
            id=request_id,
            pii=pii,
            tools=bool(request.tools),
            images=bool(request.images),
            json_schema=request.json_schema,
            stream=request.stream,
            max_tokens=request.max_output_tokens or 0,
            user=request.user or "",
        ),
        prompt=prompt,
        tier=principal.tier,
        principal=PrincipalSignals(
            principal.organization, principal.team or "", principal.key_id, principal.tags
        ),
        backends={
            name: _backend(world, name, request, input_tokens, success, health[name])
            for name in world.backends
        },
        clock=Clock.at(now_ms, world.policy.timezone),
    )


def describe(prompt: Prompt, input_tokens: int) -> PromptSignals:
    """Return what can be measured of the prompt without the classifier."""
    text = prompt.turns[-1].text if prompt.turns else ""
    return PromptSignals(
        tokens=input_tokens,
        turns=len(prompt.turns),
        code=_CODE.search(text) is not None,
        math=_MATHEMATICS.search(text) is not None,
        system_tokens=input_tokens_of(len(prompt.system.encode())),
    )
