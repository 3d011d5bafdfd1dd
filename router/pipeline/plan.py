"""From a parsed request to what will be done about it: signals, decision, size of the hold."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from policies.decision import Decision, Denial, Status
from policies.language.tiers import Exhausted
from router.ask import KEPT_ELSEWHERE, Ask
from router.backends.backend import Backend
from router.backends.cascade.judge import MAX_TOKENS, OWN_TOKENS
from router.backends.health.slots import Priority
from router.backends.own import with_fallbacks
from router.counters import WRITTEN
from router.domain import Estimate, Usage
from router.errors import BadRequest, NotFound, PermissionDenied, TurnoutError
from router.ledger.estimate import CHUNK, OutputHistory, estimate_output
from router.ledger.quotas.dimensions import Quota
from router.ledger.reserve_request import ReserveRequest
from router.pipeline.held_prompt import USUAL_WINDOW, largest_window, most_input
from router.pipeline.request_context import RequestContext
from router.pipeline.response_headers import of_denial
from router.pipeline.unnamed import refuse_unnamed
from router.prices.book import PriceBook
from router.protocols.effort import effort_of
from router.protocols.risks import EXTRAS, asks_to_cache, offers_hosted, risks_of
from router.units import Units
from router.world.snapshot import Snapshot

_ERRORS: Final[Mapping[Status, type[TurnoutError]]] = MappingProxyType(
    {
        "denied": PermissionDenied,
        "route_not_allowed": PermissionDenied,
        "unknown_model": NotFound,
        "no_candidates": BadRequest,
        "bad_hint": BadRequest,
    }
)
_MOST_OUTPUT: Final = 32_768  # tokens of an answer, where nobody said how many its model writes
_OF_THE_MODEL: Final = frozenset({"unknown_model", "route_not_allowed", "no_candidates"})


class Plan(NamedTuple):
    """What will be tried, in order, and what the ledger should hold for it.

    `backends` begins with the steps of the cascade, where there is one; `judge` checks its answers.
    """

    decision: Decision
    backends: tuple[Backend, ...]
    judge: Backend | None
    reservation: ReserveRequest
    input_tokens: int  # of the prompt, estimated
    priority: Priority
    topped_up: bool  # the hold covers a part of the answer, and grows while it streams
    units: Units = ()  # at most, besides tokens
    operation: str | None = None
    ask: Ask | None = None  # what is asked
    exhausted: Exhausted | None = None  # what becomes of it where the ledger refuses it


def refusal(denial: Denial, request_id: str = "") -> TurnoutError:
    """Return the error that a denial means for the client, who is told the decision's id."""
    return _ERRORS[denial.status](
        denial.message,
        param="model" if denial.status in _OF_THE_MODEL else None,
        headers=of_denial(denial, request_id),
    )


def plan_of(answer: Decision | Denial, context: RequestContext, history: OutputHistory) -> Plan:
    """Return the plan of a decision; a denial raises its error, and so does what is not named.

    The dearest candidate sizes the hold, since any of them may come to serve; a cascade holds for
    as many answers as it may take.
    """
    if isinstance(answer, Denial):
        raise refusal(answer, context.id)
    world, ask, principal = context.world, context.ask, context.principal
    cascade = answer.cascade
    judge = None if cascade is None or cascade.judge is None else world.backends[cascade.judge]
    standing = world.standing_of(principal)
    if standing.require:
        refuse_unnamed(standing.require, ask, context.run)
    way = "worst" if standing.prepaid else world.estimate
    backends = _asked(answer, world, ask)
    output = estimate_output(
        cap=ask.max_output_tokens,
        choices=ask.choices,
        way=way,
        expected=_expected(history, context, answer.route, backends),
        most=most_output(backends) if way == "worst" else None,
    )
    return Plan(
        answer,
        backends[:1] if ask.alone else backends,
        judge,
        ReserveRequest(
            context.id,
            principal,
            answer.route,
            ask.user,
            standing.quotas,
            _estimate(answer, context, judge, output, standing.quotas),
            standing.outage_share,
            context.run,
        ),
        context.input_tokens,
        standing.priority,
        topped_up=way == "chunk",
        units=ask.units,
        operation=ask.operation,
        ask=ask,
        exhausted=standing.exhausted,
    )


def _asked(decision: Decision, world: Snapshot, ask: Ask) -> tuple[Backend, ...]:
    """The backends that may be asked, in order."""
    backends = tuple(map(world.backends.__getitem__, in_order(decision)))
    return with_fallbacks(backends, ask) if world.owned else backends


def _expected(
    history: OutputHistory, context: RequestContext, route: str, backends: Sequence[Backend]
) -> int:
    """How long an answer is likely to be: as long as those of the key were, and as the thoughts of
    whoever thinks most, which a client that cuts its streams would else never be held for."""
    expected = history.expected(context.principal.key_id, route)
    thoughts = history.thoughts
    if not thoughts.thinking and not context.world.thinks:
        return expected
    effort = effort_of(context.ask.body)
    most = max(
        backend.expected_reasoning_tokens or thoughts.expected(backend.name, effort)
        for backend in backends
    )
    return max(expected, most + CHUNK) if most else expected


def _estimate(
    decision: Decision,
    context: RequestContext,
    judge: Backend | None,
    output: int,
    quotas: Sequence[Quota],
) -> Estimate:
    """What to hold for an answer of `output` tokens, and for every answer of a cascade.

    Where no quota limits the customer, nobody asks how long the prompt may be.
    """
    tokens = likely = context.input_tokens
    prices, ask = context.world.prices, context.ask
    if quotas:
        tokens = most_input(ask, likely, context.world.backends, decision.candidates)
    if ask.features and not ask.features.isdisjoint(KEPT_ELSEWHERE):
        named = [context.world.backends[name] for name in decision.candidates]
        tokens = likely = max(tokens, largest_window(named))
    names = decision.candidates
    if prices.bare.issuperset(names):
        cost, prompt_cost = prices.dearest(names, tokens, output)
    else:
        cost, prompt_cost = _most(ask, prices, names, tokens, output)
    if decision.cascade is None:
        if tokens == likely:
            return Estimate(tokens, output, cost, prompt_cost)
        likely_cost = prompt_cost if ask.units else prompt_cost * likely // tokens
        return Estimate(tokens, output, cost, prompt_cost, False, 1, likely, likely_cost)
    steps = len(decision.cascade.steps)
    judging, judging_cost = _judging(prices, judge, tokens + output, steps - 1)
    return Estimate(
        steps * tokens + judging.input_tokens,
        steps * output + judging.output_tokens,
        steps * cost + judging_cost,
        prompt_cost,
        likely_input=steps * likely + judging.input_tokens,
        likely_cost_pico=prompt_cost,
    )


def _most(
    ask: Ask, prices: PriceBook, names: tuple[str, ...], tokens: int, output: int
) -> tuple[int, int]:
    """What a request may cost at most, and its prompt alone: quickly, where no token can cost more
    than a fresh one, which is so of most."""
    if not ask.units and EXTRAS.isdisjoint(ask.members):
        hosted = ask.features and offers_hosted(ask.features)
        if not hosted and (
            prices.simple.issuperset(names)
            or (prices.plain.issuperset(names) and not asks_to_cache(ask))
        ):
            return prices.dearest(names, tokens, output)
    kinds, units, tier = risks_of(ask, writes=prices.writes_unasked(names))
    return prices.most(names, tokens, output, kinds=kinds, units=units, tier=tier)


def most_output(backends: Sequence[Backend]) -> int:
    """The longest answer that one of the backends may give, in tokens: as its operator says, else
    as long as models usually can, within its window.
    """
    return max(
        each.max_output_tokens or min(each.context_window or USUAL_WINDOW, _MOST_OUTPUT)
        for each in backends
    )


def in_order(decision: Decision) -> Sequence[str]:
    """The candidates in the order in which they are asked."""
    if decision.cascade is None:
        return decision.candidates
    steps = decision.cascade.steps
    return [*steps, *(name for name in decision.candidates if name not in steps)]


def _judging(
    prices: PriceBook, judge: Backend | None, tokens: int, times: int
) -> tuple[Usage, int]:
    """The most that a judge uses who reads `tokens` so many times, and its cost in pico-USD."""
    if judge is None:
        return Usage(), 0
    reading, names = tokens + OWN_TOKENS, (judge.name,)
    kinds = (WRITTEN,) if prices.writes_unasked(names) else ()
    cost, _ = prices.most(names, reading, MAX_TOKENS, kinds=kinds)
    return Usage(times * reading, times * MAX_TOKENS), times * cost
