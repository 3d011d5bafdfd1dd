"""What is kept of a decision so that an opinion on its answer can teach the classifier."""

import orjson

from router.loop.prompts import LARGEST, KeptPrompt
from router.loop.store import ScoredDecision
from router.pipeline.inquiry import Inquiry
from router.protocols.hub import as_chat
from router.protocols.unsupported import Unsupported
from router.world.snapshot import Snapshot


def prompt_of(inquiry: Inquiry) -> KeptPrompt | None:
    """Return the prompt to keep, where the operator wants prompts kept.

    None where it is very long, or cannot be said as a chat completion.
    """
    if inquiry.request.text_bytes > LARGEST:
        return None
    request = inquiry.request
    try:
        body = as_chat(request.protocol, request.body, request.model)
    except Unsupported:
        return None
    asked = orjson.dumps({name: body[name] for name in ("messages", "tools") if name in body})
    if len(asked) > LARGEST:  # images
        return None
    return KeptPrompt(inquiry.reading.request_id, inquiry.reading.now_ms, asked)


def evidence_of(
    inquiry: Inquiry,
    world: Snapshot,
    backend: str,
    *,
    classifier: str,
    route: str,
    part: str = "",
) -> ScoredDecision | None:
    """Return the evidence on which `backend` was scored; None where it was not.

    `part` tells apart the answers of one request. Numbers only, never text.
    """
    evidence = inquiry.classification.evidence
    ability = world.backends[backend].ability
    predicted = inquiry.reading.success.get(ability) if ability else None
    if evidence is None or ability is None or predicted is None:
        return None
    reading = inquiry.reading
    return ScoredDecision(
        reading.request_id + part if part else reading.request_id,
        reading.now_ms,
        inquiry.principal.organization,
        route,
        backend,
        ability,
        predicted,
        classifier,
        evidence.z.tobytes(),
        evidence.embedding.tobytes(),
    )
