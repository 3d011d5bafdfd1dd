"""Each request of a batch is judged as if it were asked alone: parsed, policed, sized, priced.

The policy decides with everything that it would see of a single request. Of its candidates the
first one counts whose server is in the batch's account and is asked in the request's own words;
its model is written into the request, as at a native passage.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from policies.decision import Decision, Denial
from policies.language.limits import RUN
from router.ask import KEPT_ELSEWHERE, Ask
from router.backends.backend import Backend
from router.backends.dialects.parameters import permitted
from router.backends.dialects.translated import Translation, dialect_of
from router.domain import Estimate
from router.errors import BadRequest, NotFound, PermissionDenied
from router.files.bound import Bound
from router.files.desk import Asker, Desk
from router.ledger.estimate import estimate_output
from router.operations.operation import Operation
from router.pipeline.held_prompt import largest_window, most_input
from router.pipeline.plan import refusal
from router.pipeline.redaction import spared_alone
from router.pipeline.request_context import RequestContext, gather
from router.pipeline.signals import EVERYTHING, read_signals
from router.pipeline.unnamed import refuse_unnamed
from router.pipeline.within_terms import decided
from router.protocols.unsupported import Unsupported
from router.world.snapshot import Snapshot

_FOR_AN_ACCOUNT: Final = "what a provider works off later (files and batches)"
_NO_HINTS: Final[Mapping[str, str]] = {}


@dataclass(slots=True)
class _Line:
    """Who asks a request of a batch, as the policy sees it: no hints, the batch's headers."""

    id: str
    asker: Asker

    def hint_headers(self) -> Mapping[str, str]:
        """Return none: hints are of one request."""
        return _NO_HINTS

    def header_values(self, names: Iterable[str]) -> Mapping[str, str]:
        """Return those of the batch's headers."""
        return self.asker.values(names)


class Screening:
    """Judges requests for one account; `bound` is their sum so far."""

    def __init__(self, desk: Desk, asker: Asker, backend: Backend) -> None:
        self._desk = desk
        self._asker = asker
        self._world = desk.serving.snapshot
        self._members = desk.members(backend, asker.principal)
        self.bound = Bound()

    async def passed(self, operation: Operation, raw: bytes) -> bytes:
        """Judge a request, and return its body as it goes to the account.

        Raises BadRequest, NotFound and PermissionDenied with what is wrong about it.
        """
        ask = operation.parse(raw, self._asker.fields)
        self._refuse(operation, ask)
        require = self._world.standing_of(self._asker.principal).require
        if require:  # its run is named by the batch
            refuse_unnamed(require - {RUN}, ask, None)
        files = self._desk.serving.files
        if files is not None:
            ask = await files.pinned(self._world, self._asker.principal, ask)
        backend, context = await self.decided(ask)
        ask = permitted(backend, ask)
        self.bound.add(backend.name, _most(self._world, backend, context))
        dialect, _ = dialect_of(backend.dialect, ask, backend.speaks)
        return dialect.call(backend.deployments()[0], backend, ask, "").whole_body()

    async def decided(self, ask: Ask) -> tuple[Backend, RequestContext]:
        """Return who of the account serves a request, by the policy, and what is known of it."""
        serving, world = self._desk.serving, self._world
        line = _Line(self._asker.request_id, self._asker)
        context = await gather(serving.senses, world, self._asker.principal, ask, line)
        needs = EVERYTHING if serving.senses.recorded else context.needs
        signals = read_signals(context, serving.backends.view(), needs)
        decision = decided(context, signals)
        if isinstance(decision, Decision) and decision.redact is not None:
            decision = spared_alone(decision, decision.redact, _FOR_AN_ACCOUNT)
        if isinstance(decision, Denial):
            raise refusal(decision)
        return self._first(decision, ask), context

    def _refuse(self, operation: Operation, ask: Ask) -> None:
        if ask.stream:
            raise BadRequest("Requests of a batch are not streamed.", param="stream")
        if operation.unit or ask.form:
            raise BadRequest(f"{operation.path} is not asked in batches here.", param="url")

    def _first(self, decision: Decision, ask: Ask) -> Backend:
        for name in decision.candidates:
            backend = self._world.backends[name]
            if name in self._members and _speaks_natively(backend, ask):
                return backend
        raise BadRequest(
            f"None of the backends that may serve `{ask.model}` here takes part in batches of this"
            f" kind: {', '.join(sorted(self._members))}.",
            param="model",
        )


def _speaks_natively(backend: Backend, ask: Ask) -> bool:
    try:
        asking, _ = dialect_of(backend.dialect, ask, backend.speaks)
    except Unsupported:
        return False
    return not isinstance(asking, Translation)


def _most(world: Snapshot, backend: Backend, context: RequestContext) -> Estimate:
    """What one request may come to at most in a batch."""
    ask = context.ask
    tokens = most_input(ask, context.input_tokens, world.backends, (backend.name,))
    if not ask.features.isdisjoint(KEPT_ELSEWHERE):
        tokens = max(tokens, largest_window([backend]))
    output = estimate_output(cap=ask.max_output_tokens, choices=ask.choices, way="worst")
    price = world.batch_prices.price(backend.name)
    return Estimate(tokens, output, price.fresh(tokens, output), price.fresh(tokens, 0), firm=True)


Wrong = (BadRequest, NotFound, PermissionDenied, Unsupported)
