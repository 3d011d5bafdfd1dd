"""Asking the verifiers of a cascade about an answer, in whatever protocol it was given."""

from collections.abc import Sequence
from dataclasses import replace

from policies.verifiers import VERIFIERS
from router.ask import Ask
from router.protocols.hub.answer import Alternative, Stop
from router.protocols.table import PROTOCOLS


def first_failure(
    names: Sequence[str], answers: Sequence[Alternative], ask: Ask, *, early: bool
) -> tuple[str, str] | None:
    """The first verifier that finds something wrong with any choice, and what; None if none does.

    `early`: the answers are beginnings, so only verifiers that can judge those are asked, unless
    the answer has already come to its end.
    """
    limited = ask.max_output_tokens is not None
    wanted = replace(PROTOCOLS[ask.protocol].wanted(ask.body), limited=limited)
    for name in names:
        verifier = VERIFIERS[name]
        for answer in answers or (Alternative((), Stop()),):
            if early and not answer.ended and not verifier.early:
                continue
            wrong = verifier.check(answer, wanted)
            if wrong is not None:
                return name, wrong
    return None
