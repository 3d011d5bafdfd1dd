"""Keeping what a decision was based on, so that an opinion on its answer can teach the classifier.

It holds numbers only, never text, unless the operator wants prompts kept.
"""

from typing import Protocol

import orjson

from policies.decision import Denial
from router.loop.outcome_store import ScoredDecision
from router.loop.prompt_store import LARGEST, KeptPrompt
from router.pipeline.observers.observer import Finished, Observer
from router.pipeline.request_context import RequestContext
from router.protocols.hub.table import as_chat
from router.protocols.unsupported import Unsupported


class Recorder(Protocol):
    """Where evidence and opinions are kept."""

    @property
    def keeps_prompts(self) -> bool:
        """Whether the operator wants prompts kept."""

    def add(self, decision: ScoredDecision) -> None:
        """Remember a decision, soon."""

    def add_prompt(self, prompt: KeptPrompt) -> None:
        """Remember what was asked, soon."""

    def judge(self, decision: ScoredDecision, score: float, *, source: str, by: str) -> None:
        """Remember an opinion (0..1) of an answer, soon."""


class Versioned(Protocol):
    """The classifier, as far as its evidence names it."""

    @property
    def version(self) -> str:
        """The version whose numbers these are."""


def keeps_evidence(recorder: Recorder, classifier: Versioned) -> Observer:
    """Return the observer that keeps the evidence of every answer somebody may judge later."""

    def observe(finished: Finished) -> None:
        charge = finished.charge
        if charge is None or charge.backend is None:
            return
        context = finished.context
        decision = evidence_of(context, charge.backend, charge.route or "", classifier.version)
        if decision is None:
            return
        recorder.add(decision)
        if recorder.keeps_prompts and (prompt := prompt_of(context)) is not None:
            recorder.add_prompt(prompt)

    return observe


def judges_cascades(recorder: Recorder, classifier: Versioned) -> Observer:
    """Return the observer that learns from a cascade's checks: what failed, and what passed."""

    def observe(finished: Finished) -> None:
        if not (finished.billed or finished.verified):
            return  # nothing was checked
        decision = finished.decision
        if isinstance(decision, Denial) or not finished.delivered:
            return
        context, route = finished.context, decision.route
        for number, answer in enumerate(finished.billed):
            name, part = answer.backend.name, f".{number}"
            scored = evidence_of(context, name, route, classifier.version, part=part)
            if scored is not None and answer.rejected:
                recorder.judge(scored, 0.0, source="verifier", by="cascade")
        if finished.verified:
            scored = evidence_of(context, finished.backend, route, classifier.version)
            if scored is not None:
                recorder.judge(scored, 1.0, source="verifier", by="cascade")

    return observe


def prompt_of(context: RequestContext) -> KeptPrompt | None:
    """Return the prompt to keep, where the operator wants prompts kept.

    None where it is very long, or cannot be expressed as a chat completion.
    """
    ask = context.ask
    if ask.text_bytes > LARGEST:
        return None
    try:
        body = as_chat(ask.protocol, ask.body, ask.model)
    except Unsupported:
        return None
    asked = orjson.dumps({name: body[name] for name in ("messages", "tools") if name in body})
    if len(asked) > LARGEST:  # images
        return None
    return KeptPrompt(context.id, context.at_ms, asked)


def evidence_of(
    context: RequestContext, backend: str, route: str, classifier: str, *, part: str = ""
) -> ScoredDecision | None:
    """Return the evidence on which `backend` was scored; None where it was not.

    `part` tells apart the answers of one request.
    """
    classification = context.classification
    evidence = classification.evidence
    ability = context.world.backends[backend].ability
    predicted = classification.success.get(ability) if ability else None
    if evidence is None or ability is None or predicted is None:
        return None
    return ScoredDecision(
        context.id + part if part else context.id,
        context.at_ms,
        context.principal.organization,
        route,
        backend,
        ability,
        predicted,
        classifier,
        evidence.z.tobytes(),
        evidence.embedding.tobytes(),
    )
