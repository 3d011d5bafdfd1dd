"""Requests redacted before they leave, where the policy says so, and their answers restored.

Theory of operation. What is decided is decided on the request as it came. Then each find in its
body is replaced by a placeholder, and the detectors look at all that would leave once more: what
they still find (in a header, in a number that has to be one), or could not read, cannot be
redacted. Such a request goes to backends that the policy spares, or is refused by name: never on
as it came. Backends are asked with the redacted request, the spared ones with the client's bytes.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Final

from policies.decision import Decision, Denial
from policies.pii.placeholders import Placeholders
from policies.redaction import Redaction
from policies.value import value
from router.ask import KEPT_ELSEWHERE, UNREADABLE, Ask
from router.backends.dispatch.upstream import Upstream
from router.ledger.estimate import estimate_tokens
from router.ledger.text_weights import weight
from router.operations.table import OPERATIONS
from router.pipeline.caller import Caller
from router.pipeline.detectors import Detectors
from router.pipeline.held_prompt import most_input
from router.pipeline.plan import Plan
from router.pipeline.request_context import RequestContext
from router.pipeline.restoring_caller import RestoringCaller
from router.protocols.ahead import outline_of, read_here
from router.protocols.beside import beside_if_large
from router.protocols.edits import with_value
from router.protocols.restoring import StreamRestorer

# Of what only the redacted text is sent. The rest has parts that nobody here can read or restore.
REDACTED: Final = ("chat", "message", "response", "completion", "embedding")
_PARSE: Final[Mapping[str, Callable[[bytes], Ask]]] = MappingProxyType(
    {row.name: row.parse for row in OPERATIONS if row.name in REDACTED}  # type: ignore[misc]
)
_JSON_OBJECT: Final = b'"json_object"'
_LEAVE_OUT: Final = "Leave it out, or ask for a model of your own."
_ELSEWHERE: Final = "what a provider keeps (its ids of responses and files)"
_TOO_LONG: Final = "a text that is longer than the detectors may read"
_LEFT: Final = "private data outside of texts (in a number or a header)"


@value
class Redacted:
    """A request as it leaves, and what is put back in its answer."""

    ask: Ask
    placeholders: Placeholders
    redaction: Redaction

    async def sent(self, asked: Ask, decision: Decision) -> Ask:
        """What is sent for `asked`, which is the client's request or a streamed twin of it.

        A cascade's judge reads request and answer: so there nobody is spared.
        """
        ask = self.ask
        if asked.stream and not ask.stream:  # in the background
            streamed = partial(with_value, ask, "stream", value=True)
            ask = (await beside_if_large(len(ask.raw), streamed))._replace(stream=True)
        spared = self.redaction.spared
        if not spared or decision.cascade is not None:
            return ask
        return ask._replace(unredacted=(spared, asked))

    def sized(self, context: RequestContext) -> RequestContext:
        """The request that a hold is sized by: whichever of the two may have more tokens."""
        asked, ask = context.ask, self.ask
        tokens = estimate_tokens(ask.text_bytes, ask.images, ask.media)
        likely = max(context.input_tokens, tokens)
        backends = context.world.backends
        larger = max((asked, ask), key=lambda one: most_input(one, likely, backends, ()))
        return context._replace(ask=larger, input_tokens=likely)

    def restoring(self, caller: Caller, plan: Plan, upstream: Upstream) -> Caller:
        """Return the caller as this answer meets it."""
        spared = upstream.backend.name in self.redaction.spared and plan.decision.cascade is None
        if spared or not self.redaction.restore:
            return caller
        ask = self.ask
        structured = ask.json_schema or _JSON_OBJECT in outline_of(ask.raw, ask.members)
        stream = StreamRestorer(ask.protocol, self.placeholders, structured=structured)
        return RestoringCaller(caller, self.placeholders, stream)


async def redacted(
    detectors: Detectors, context: RequestContext, decision: Decision | Denial
) -> tuple[Decision | Denial, Redacted | None]:
    """Redact a request where its decision wants that and anything is found.

    The decision that comes back leaves out whoever may not be sent what cannot be redacted; it is
    a denial where nobody is left. Raises LimitExceeded, as `Detectors.finding_of` does.
    """
    redaction = decision.redact if isinstance(decision, Decision) else None
    if redaction is None or isinstance(decision, Denial) or _reach(decision) <= redaction.spared:
        return decision, None
    ask, principal = context.ask, context.principal
    why = _unredactable(ask)
    if why:
        return spared_alone(decision, redaction, why), None
    rank = context.world.standing_of(principal).priority.rank
    model = context.hints.route or ask.model
    parse = partial(read_here, parse=_PARSE[ask.operation], weigh=weight)
    outcome = await detectors.redacted(ask, redaction, parse, principal, model, rank=rank)
    if outcome is None:
        return spared_alone(decision, redaction, _TOO_LONG), None
    if outcome.left:
        return spared_alone(decision, redaction, _LEFT), None
    if outcome.ask is ask:
        return decision, None
    detectors.redactions.update(outcome.placeholders.kinds)
    return _unwatched(decision, redaction), Redacted(outcome.ask, outcome.placeholders, redaction)


def spared_alone(decision: Decision, redaction: Redaction, why: str) -> Decision | Denial:
    """The decision for those alone that may have the request as it came."""
    spared = redaction.spared
    allowed = decision.allowed & spared
    names = tuple(name for name in decision.candidates if name in spared)
    note = (decision.candidates, decision.allowed, allowed, f"{why} cannot be redacted")
    if not names:
        message = f"This request is redacted before it leaves, and {why} cannot be. {_LEAVE_OUT}"
        reason = "what cannot be redacted may not leave"
        notes = (*decision.notes, note)
        return Denial(decision.route, "denied", reason, message, decision.rules, notes)
    cascade = decision.cascade
    if cascade is not None and not {*cascade.steps, cascade.judge or names[0]} <= spared:
        cascade = None
    kept = _unwatched(decision, redaction)
    notes = (*decision.notes, note)
    return replace(kept, candidates=names, allowed=allowed, cascade=cascade, notes=notes)


def _reach(decision: Decision) -> frozenset[str]:
    """Whoever may be sent the request, or a copy of it."""
    shadow, cascade = decision.shadow, decision.cascade
    copies = () if shadow is None else (shadow.to, shadow.judge)
    judge = () if cascade is None or cascade.judge is None else (cascade.judge,)
    return frozenset((*decision.candidates, *copies, *judge))


def _unwatched(decision: Decision, redaction: Redaction) -> Decision:
    """The decision without a shadow copy, which would be of the request as it came."""
    shadow = decision.shadow
    if shadow is None or {shadow.to, shadow.judge} <= redaction.spared:
        return decision
    return replace(decision, shadow=None)


def _unredactable(ask: Ask) -> str:
    """What of a request no detector can read or nobody can replace; empty where there is none."""
    if ask.operation not in _PARSE:
        return f"a request of this kind ({ask.operation})"
    if ask.images:
        return "a picture, sound or file"
    if not KEPT_ELSEWHERE.isdisjoint(ask.features):
        return _ELSEWHERE
    return "" if UNREADABLE.isdisjoint(ask.features) else "a text given as tokens"
