"""THE CORRIDOR: one request, from its credentials to its bill."""

from collections.abc import Mapping
from functools import partial

from policies.decision import Decision
from policies.signals import Signals
from router.ask import Ask
from router.backends.dispatch.trace import Trace
from router.backends.health.health import Health
from router.domain import Principal
from router.ledger.reserve_request import Admission, Run
from router.operations.operation import Operation
from router.pipeline.caller import Caller
from router.pipeline.exhausted import Asking, admitted
from router.pipeline.meter import Meter
from router.pipeline.plan import plan_of
from router.pipeline.redaction import redacted
from router.pipeline.relay import Relay
from router.pipeline.request_context import RequestContext, gather
from router.pipeline.response_headers import of_decision, of_run
from router.pipeline.serving import Serving
from router.pipeline.signals import EVERYTHING, read_signals
from router.pipeline.stored import refuse_background
from router.pipeline.watch import Watch
from router.pipeline.within_terms import decided
from router.protocols.table import PROTOCOLS
from router.world.snapshot import Snapshot


async def serve(serving: Serving, operation: Operation, caller: Caller) -> None:
    """Walk one request through the gateway.

    Raises TurnoutError, which the edge turns into an answer. Cancelled when the client leaves: the
    upstream is then closed and the hold settled with what was delivered. What is asked in the
    background goes on without its client. Where the answer goes into a conversation, no other goes
    there meanwhile.
    """
    trace = None if serving.tracing is None else serving.tracing.begin(caller, operation)
    principal = serving.authenticator.authenticate(caller.authorization)
    world, kept = serving.world_of(principal), serving.kept
    ask = operation.parse(await caller.body(), caller.fields)
    if operation.resumes:
        if kept is None:
            refuse_background(ask)
        else:
            ask = await kept.resumed(operation.parse, world, principal, ask, caller.fields)
    if serving.files is not None:
        ask = await serving.files.pinned(world, principal, ask)
    if operation.resumes and kept is not None and ask.kept is not None:
        if ask.kept.background:
            walk = partial(_walk, serving, world, principal, ask, trace=trace)
            await kept.background.detach(caller, principal.organization, ask, walk)
            return
        if ask.kept.talk is not None and ask.kept.wanted:
            async with ask.kept.talk:
                await _walk(serving, world, principal, ask, caller, trace=trace)
            return
    if ask.storing is not None and serving.chats is not None:
        ask = await serving.chats.asked(ask, world, principal)
    await _walk(serving, world, principal, ask, caller, trace=trace)


async def _walk(
    serving: Serving,
    world: Snapshot,
    principal: Principal,
    ask: Ask,
    caller: Caller,
    *,
    trace: Trace | None,
) -> None:
    """Walk a request that was read; the observers are told of whatever follows the decision."""
    context = await gather(serving.senses, world, principal, ask, caller)
    health = serving.health_of(world)
    signals = _signals(serving, context, health)
    decision = decided(context, signals)
    replaced = None
    if context.needs.redaction:
        decision, replaced = await redacted(serving.senses.detectors, context, decision)
    with Watch(serving.observers, context, signals, decision, trace) as watch:
        plan = plan_of(decision, replaced.sized(context) if replaced else context, serving.history)
        caller.route = plan.decision.route
        caller.headers += of_decision(plan.decision, context.id)
        meter = watch.meter = Meter(plan, world.prices, health, thoughts=serving.history.thoughts)
        held = serving.ledger.hold(plan.reservation, meter.charge)
        if plan.exhausted is not None:
            asking = Asking(caller, context, signals, watch, plan, replaced)
            held, plan, replaced, meter = await admitted(serving, asking, plan.exhausted)
        async with held as hold:
            caller.headers += hold.admission.headers
            if plan.reservation.principal is principal:  # not beyond its budgets
                serving.senses.budgets[principal.organization] = hold.admission.budget
            if context.run is not None:
                _told(serving, caller, context, context.run, hold.admission)
            if ask.kept is not None:
                context, ask = await _begun(serving, context, plan.decision)
            ask = await replaced.sent(ask, plan.decision) if replaced else ask
            hold.dispatched()
            if ask.stream and PROTOCOLS[ask.protocol].keepalive:
                caller.awaits_stream()
            with meter:
                async with serving.backends.open(plan, ask, meter.events, trace) as upstream:
                    meter.events.append(upstream)
                    watch.upstream = upstream
                    caller = _keeping(serving, caller, context, plan.decision)
                    caller = replaced.restoring(caller, plan, upstream) if replaced else caller
                    watch.kept = await Relay(caller, context, plan, hold).deliver(upstream, meter)


def _signals(serving: Serving, context: RequestContext, health: Mapping[str, Health]) -> Signals:
    needs = EVERYTHING if serving.senses.recorded else context.needs
    return read_signals(context, health, needs)


def _told(
    serving: Serving, caller: Caller, context: RequestContext, run: Run, admission: Admission
) -> None:
    """Tell a client how its run stands, and remember it for the run's next request."""
    if admission.budget is not None:
        left = admission.budget.run()
        caller.headers += of_run(run.name, left)
        serving.senses.runs.note(context.principal.organization, run, left)


async def _begun(
    serving: Serving, context: RequestContext, decision: Decision
) -> tuple[RequestContext, Ask]:
    """Return a request as backends are asked for it: one in the background is begun."""
    kept = context.ask.kept
    if kept is not None and kept.background and serving.kept is not None:
        context = await serving.kept.begin(context, decision)
    return context, context.ask


def _keeping(
    serving: Serving, caller: Caller, context: RequestContext, decision: Decision
) -> Caller:
    """Return the caller as it meets an answer that may have to be kept."""
    if context.ask.kept is None and context.ask.storing is None:
        return caller
    keeps = serving.kept if context.ask.storing is None else serving.chats
    return caller if keeps is None else keeps.keeping(caller, context, decision)
