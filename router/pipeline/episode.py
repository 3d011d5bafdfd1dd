"""One decision and what became of it: counted in metrics, written as one line of the log."""

import time
from types import TracebackType

from policies.decision import Decision, Denial
from policies.replay.record import Outcome, to_record
from router.backends.dispatch.upstream import Upstream
from router.domain import Charge
from router.domain import Outcome as End
from router.ledger.reserve_request import Admission
from router.loop.shadow_audit import Case
from router.loop.store import ScoredDecision
from router.pipeline.evidence import evidence_of, prompt_of
from router.pipeline.gateway import Gateway
from router.pipeline.inquiry import Inquiry
from router.protocols.table import PROTOCOLS
from router.world.snapshot import Snapshot


class Episode:
    """A block around everything that follows a decision; leaving it writes the line."""

    __slots__ = ("_answer", "_began", "_charge", "_first", "_gateway", "_inquiry", "_world")

    def __init__(
        self, gateway: Gateway, world: Snapshot, inquiry: Inquiry, answer: Decision | Denial
    ) -> None:
        self._gateway = gateway
        self._world = world
        self._inquiry = inquiry
        self._answer = answer
        self._began = time.perf_counter()
        self._charge: Charge | None = None
        self._first: float | None = None

    def admitted(self, admission: Admission) -> None:
        """Note what the ledger said of the customer's quotas, for the rules of its next request."""
        self._gateway.budgets[self._inquiry.principal.organization] = admission.budget

    def answered(self, upstream: Upstream) -> None:
        """Note who answers, so that the conversation's next turn can go there too."""
        self._first = upstream.first_byte_seconds
        if self._inquiry.needs.sticky:
            self._gateway.conversations.served(
                self._inquiry.principal.organization,
                self._inquiry.reading.conversation,
                upstream.backend.name,
            )

    def charged(self, charge: Charge) -> None:
        """Note what an admitted request came to."""
        self._charge = charge
        self._gateway.metrics.charged(charge)
        if charge.route is not None and charge.outcome is End.COMPLETED:
            self._gateway.history.observe(
                self._inquiry.principal.key_id, charge.route, charge.usage.output_tokens
            )

    def __enter__(self) -> "Episode":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._remember()
        if not self._gateway.decisions.on:
            return
        self._gateway.decisions.add(
            to_record(
                at_ms=time.time_ns() // 1_000_000,
                signals=self._inquiry.signals,
                hints=self._inquiry.hints,
                answer=self._answer,
                policy=self._world.policy.version,
                classifier=self._gateway.classifier.version,
                prices=self._world.prices.version,
                outcome=self._outcome(),
            )
        )

    def _remember(self) -> None:
        """Keep the evidence of an answer that somebody may judge later."""
        charge = self._charge
        if charge is None or charge.backend is None:
            return
        route = charge.route or ""
        decision = self._evidence(charge.backend, route)
        if decision is None:
            return
        recorder = self._gateway.recorder
        recorder.add(decision)
        if recorder.keeps_prompts and (prompt := prompt_of(self._inquiry)) is not None:
            recorder.add_prompt(prompt)

    def _evidence(self, backend: str, route: str, part: str = "") -> ScoredDecision | None:
        return evidence_of(
            self._inquiry,
            self._world,
            backend,
            classifier=self._gateway.classifier.version,
            route=route,
            part=part,
        )

    def delivered(self, upstream: Upstream, kept: bytes) -> None:
        """Learn from an answer that came to its end: from what was passed over, and by an audit.

        `kept` is the delivered answer where the decision wants an audit, else empty.
        """
        answer = self._answer
        if isinstance(answer, Denial):
            return
        for number, leg in enumerate(upstream.legs):
            decision = self._evidence(leg.backend.name, answer.route, f".{number}")
            if decision is not None and leg.rejected:
                self._gateway.recorder.judge(decision, 0.0, source="verifier", by="cascade")
        if upstream.passed:
            decision = self._evidence(upstream.backend.name, answer.route)
            if decision is not None:
                self._gateway.recorder.judge(decision, 1.0, source="verifier", by="cascade")
        shadow = answer.shadow
        if shadow is None or shadow.to == upstream.backend.name:
            return
        protocol = PROTOCOLS[self._inquiry.request.protocol]
        read = protocol.read_stream if upstream.stream_requested else protocol.read_body
        try:
            answers = read(kept)
        except ValueError:  # no answer that anybody could compare
            return
        evidence = self._evidence(upstream.backend.name, answer.route)
        if answers and evidence is not None:
            request = self._inquiry.request
            case = Case(self._world, request, shadow, evidence, answers[0].text)
            self._gateway.auditor.begin(case)

    def _outcome(self) -> Outcome | None:
        charge = self._charge
        if charge is None:
            return None
        usage = charge.usage
        return Outcome(
            backend=charge.backend or "",
            end=charge.outcome.value,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cached_tokens=usage.cached_tokens,
            cost_pico=charge.cost_pico,
            latency_ms=round((time.perf_counter() - self._began) * 1000),
            first_token_ms=None if self._first is None else round(self._first * 1000),
        )
