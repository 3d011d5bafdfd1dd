"""THE CORRIDOR: one request, from its credentials to its bill."""

from router.operations.operation import Operation
from router.pipeline.caller import Caller
from router.pipeline.episode import Episode
from router.pipeline.gateway import Gateway
from router.pipeline.inquire import inquire
from router.pipeline.meter import Meter
from router.pipeline.plan import plan_of
from router.pipeline.relay import Relay
from router.pipeline.send import open_upstream


async def serve(gateway: Gateway, operation: Operation, caller: Caller) -> None:
    """Walk one request through the gateway.

    Raises TurnoutError, which the edge turns into an answer. Cancelled when the client leaves: the
    upstream is then closed and the hold settled with what was delivered.
    """
    world = gateway.snapshot
    principal = gateway.authenticator.authenticate(caller.authorization)
    request = operation.parse(await caller.body(), caller.fields)
    inquiry = await inquire(gateway, world, principal, request, caller)
    answer = world.policy.decide(inquiry.signals, inquiry.hints)
    with Episode(gateway, world, inquiry, answer) as episode:
        plan = plan_of(answer, world, inquiry, gateway.history)
        caller.route = plan.decision.route
        caller.headers += plan.headers()
        meter = Meter(plan, world.prices, gateway.dispatcher.view(), episode.charged)
        async with gateway.ledger.hold(plan.ticket, meter.charge) as hold:
            caller.headers += hold.admission.headers
            episode.admitted(hold.admission)
            hold.dispatched()
            with meter:
                async with open_upstream(gateway, plan, request, meter) as upstream:
                    episode.answered(upstream)
                    relay = Relay(caller, inquiry, plan, hold)
                    await relay.deliver(upstream, meter)
                    episode.delivered(upstream, relay.kept)
