"""THE CORRIDOR: one request, from its credentials to its bill."""

import time

from classifiers.serving import UNKNOWN, Classification
from policies.signals import Hints
from router.domain import Principal
from router.ledger.estimate import input_tokens
from router.ledger.ticket import Ticket
from router.pipeline.caller import Caller
from router.pipeline.decide import Plan, plan_of
from router.pipeline.gateway import Gateway
from router.pipeline.meter import Meter
from router.pipeline.relay import relay
from router.pipeline.signals import gather
from router.pipeline.snapshot import Snapshot
from router.wire.chat import ChatRequest
from router.wire.table import Endpoint


async def serve(gateway: Gateway, endpoint: Endpoint, caller: Caller) -> None:
    """Walk one request through the gateway.

    Raises TurnoutError, which the edge turns into an answer. Cancelled when the client leaves: the
    upstream is then closed and the hold settled with what was delivered.
    """
    world = gateway.snapshot
    principal = gateway.authenticator.authenticate(caller.authorization)
    request = endpoint.parse(await caller.body())
    classification = await classify(gateway, world, request)
    plan = decide(gateway, world, caller, request, principal, classification)
    caller.headers += plan.headers(caller.id)
    meter = Meter(plan.decision.route, plan.estimate.input_tokens, world.prices)
    ticket = Ticket(
        caller.id,
        principal,
        plan.decision.route,
        request.user,
        world.quotas[principal.tier],
        plan.estimate,
    )
    async with gateway.ledger.hold(ticket, meter.charge) as hold:
        caller.headers += hold.admission.headers
        with meter:
            async with gateway.dispatcher.open(plan.backends, request, caller.id) as upstream:
                await relay(upstream, caller, meter, plan)
