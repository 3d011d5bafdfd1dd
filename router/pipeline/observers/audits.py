"""Handing delivered answers to the shadow audits, where the decision wants that."""

from collections.abc import Callable

from policies.decision import Denial
from router.loop.shadow_audit import Case
from router.pipeline.observers.evidence import Versioned, evidence_of
from router.pipeline.observers.observer import Finished, Observer
from router.protocols.table import PROTOCOLS


def begins_audits(begin: Callable[[Case], None], classifier: Versioned) -> Observer:
    """Return the observer that begins an audit of each answer that was drawn for one."""

    def observe(finished: Finished) -> None:
        if not finished.answer:
            return  # it was not drawn for an audit
        decision = finished.decision
        if isinstance(decision, Denial) or not finished.delivered:
            return
        shadow = decision.shadow
        if shadow is None or shadow.to == finished.backend:
            return
        context = finished.context
        protocol = PROTOCOLS[context.ask.protocol]
        read = protocol.read_stream if context.ask.stream else protocol.read_body
        try:
            answers = read(finished.answer)
        except ValueError:  # no answer that anybody could compare
            return
        evidence = evidence_of(context, finished.backend, decision.route, classifier.version)
        if answers and evidence is not None:
            backends = context.world.backends
            asked = (backends[shadow.to], backends[shadow.judge])
            if any(backend.own is not None for backend in asked):
                return  # an audit is on the operator: their account is not its, nor its theirs
            begin(
                Case(
                    ask=context.ask,
                    answer=answers[0].text,
                    evidence=evidence,
                    rival=backends[shadow.to],
                    judge=backends[shadow.judge],
                    prices=context.world.prices,
                )
            )

    return observe
