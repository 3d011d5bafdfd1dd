"""Everything known of a request, as the policy sees it. Facts only; judging is the policy's."""

from collections.abc import Mapping

from classifiers.serving import Classification
from policies.signals import (
    BackendSignals,
    PrincipalSignals,
    PromptSignals,
    RequestSignals,
    Signals,
)

from router.backends.backend import Backend
from router.backends.dispatch import Health
from router.domain import Principal, Usage
from router.pipeline.snapshot import Snapshot
from router.wire.chat import ChatRequest


def expected_output(world: Snapshot, backend: str, request: ChatRequest) -> int:
    """Return how many output tokens are likely at `backend`, all choices together."""
    likely = world.expected_output[backend]
    if request.max_output_tokens is not None:
        likely = min(likely, request.max_output_tokens)
    return likely * request.choices


def unfit(backend: Backend, request: ChatRequest, input_tokens: int) -> str | None:
    """Return why `backend` cannot take this request at all, or None when it can."""
    needed = input_tokens + (request.max_output_tokens or 0)
    if backend.context_window is not None and needed > backend.context_window:
        return f"needs {needed} tokens, context window {backend.context_window}"
    if request.tools and "tools" not in backend.supports:
        return "no tools"
    if request.images and "vision" not in backend.supports:
        return "no vision"
    if request.json_schema and "json_schema" not in backend.supports:
        return "no json_schema"
    return None
