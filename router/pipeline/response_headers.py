"""What an answer's headers tell of its decision and its backend: names, meanings, values.

A new header is a name here, its meaning in `MEANINGS`, and its value in the function of the
moment at which it is known. Limits and translations add their own
(`router.ledger.rate_limit_headers`,
`router.backends.dialects.translated`).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from policies.decision import Decision, Denial
from policies.headers import PREFIX
from policies.money import usd
from router.backends.health.slots import Slot
from router.ledger.reserve_request import RunLeft
from router.pipeline.runs import TOLD_FROM

Headers = list[tuple[str, str]]

ROUTE: Final = PREFIX + "route"
DECISION: Final = PREFIX + "decision"
REASON: Final = PREFIX + "reason"
SUCCESS: Final = PREFIX + "success"
BACKEND: Final = PREFIX + "backend"
COST_USD: Final = PREFIX + "cost-usd"
COUNT: Final = PREFIX + "count"
QUEUE_POSITION: Final = PREFIX + "queue-position"
QUEUE_MS: Final = PREFIX + "queue-ms"
WHEN_EXHAUSTED: Final = PREFIX + "when-exhausted"
RUN: Final = PREFIX + "run"
RUN_USED: Final = PREFIX + "run-used"
RUN_REPEATS: Final = PREFIX + "run-repeats"

MEANINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        ROUTE: "the route of the policy that the request took",
        DECISION: "the id of the decision: `turnout explain --id` shows it, feedback on the answer "
        "names it",
        REASON: "why this backend, in short, and the rules that matched",
        SUCCESS: "P(success) of each candidate for this prompt, or `unknown`",
        BACKEND: "the backend that answered",
        COST_USD: "what the answer cost; on a stream, what it was expected to cost",
        COUNT: "of a count of tokens: `backend` where its server counted, `estimate` where the "
        "gateway did, by length",
        QUEUE_POSITION: "how many were ahead while it waited for a scarce backend's slot",
        WHEN_EXHAUSTED: "beyond a limit: `downgraded` and the budget that is used up, or `queued` "
        "and how long it waited for a rate",
        RUN: "the run of an agent in whose purse the request was counted, by its name",
        RUN_USED: "the largest used share of that purse, what runs at the moment included",
        RUN_REPEATS: "how often the run has sent this very request, from the third time on: an "
        "agent that asks the same again and again gets nowhere",
        QUEUE_MS: "how long it waited for that slot, in milliseconds",
    }
)


def of_decision(decision: Decision, request_id: str) -> Headers:
    """Return what explains a decision."""
    odds = ", ".join([f"{name}={p:.2f}" for name, p in decision.success.items()])
    rules = f"; rules: {', '.join(decision.rules)}" if decision.rules else ""
    return [
        (ROUTE, decision.route),
        (DECISION, request_id),
        (REASON, decision.reason + rules),
        (SUCCESS, odds or "unknown"),
    ]


def of_denial(denial: Denial, request_id: str = "") -> Headers:
    """Return what explains a denial, by its id where it has one yet."""
    named = [(DECISION, request_id)] if request_id else []
    return [(ROUTE, denial.route), *named, (REASON, denial.reason)]


def of_answer(backend: str, cost_pico: int, slot: Slot | None) -> Headers:
    """Return who answered at what cost, and how the request waited for a scarce slot."""
    headers = [(BACKEND, backend), (COST_USD, usd(cost_pico))]
    if slot is None:
        return headers
    waited = str(round(slot.waited * 1000))
    return [(QUEUE_POSITION, str(slot.position)), (QUEUE_MS, waited), *headers]


def of_downgraded(limit: str) -> Headers:
    """Return what tells of a request that was served beyond a budget, named as the ledger does."""
    return [(WHEN_EXHAUSTED, f"downgraded {limit}".rstrip())]


def of_run(name: str, left: RunLeft) -> Headers:
    """Return how the run of a request stands."""
    headers = [(RUN, name), (RUN_USED, f"{left.used_share:.3f}")]
    if left.repeats >= TOLD_FROM:
        headers.append((RUN_REPEATS, str(left.repeats)))
    return headers


def of_queued(seconds: float) -> Headers:
    """Return what tells of a request that waited for a rate."""
    return [(WHEN_EXHAUSTED, f"queued {round(1_000 * seconds)} ms")]


def of_count(backend: str | None) -> Headers:
    """Return who counted the tokens of a request; None: the gateway estimated them."""
    return [(COUNT, "estimate")] if backend is None else [(BACKEND, backend), (COUNT, "backend")]
