"""THE CORRIDOR: one request, from its credentials to its bill."""

import time

from classifiers.serving import UNKNOWN
from policies.pii import contains_pii
from router.ledger.estimate import estimate_tokens
from router.ledger.ticket import Ticket
from router.pipeline.caller import Caller
from router.pipeline.decide import plan_of, read_hints
from router.pipeline.episode import Episode
from router.pipeline.gateway import Gateway
from router.pipeline.meter import Meter
from router.pipeline.relay import relay
from router.pipeline.signals import Reading, gather, texts
from router.wire.table import Endpoint


async def serve(gateway: Gateway, endpoint: Endpoint, caller: Caller) -> None:
    """Walk one request through the gateway.

    Raises TurnoutError, which the edge turns into an answer. Cancelled when the client leaves: the
    upstream is then closed and the hold settled with what was delivered.
    """
    world = gateway.snapshot
    principal = gateway.authenticator.authenticate(caller.authorization)
    request = endpoint.parse(await caller.body())
    hints = read_hints(caller)
    needs = world.needs(hints.route or request.model)
    reading = Reading(
        await gateway.classifier.classify(request.prompt) if needs.classifier else UNKNOWN,
        estimate_tokens(request.text_bytes, images=request.images),
        needs.pii and contains_pii(texts(request.prompt)),
        time.time_ns() // 1_000_000,
    )
    signals = gather(world, request, principal, reading, gateway.dispatcher.view(), caller.id)
    answer = world.policy.decide(signals, hints)
    with Episode(gateway, world, signals, hints, answer) as episode:
        plan = plan_of(answer, world, request, reading.input_tokens)
        caller.route = plan.decision.route
        caller.headers += plan.headers(caller.id)
        meter = Meter(plan, world.prices, episode.charged)
        ticket = Ticket(
            request_id=caller.id,
            principal=principal,
            route_or_model=plan.decision.route,
            end_user=request.user,
            quotas=world.quotas[principal.tier],
            estimate=plan.estimate,
        )
        async with gateway.ledger.hold(ticket, meter.charge) as hold:
            caller.headers += hold.admission.headers
            hold.dispatched()
            with meter:
                async with gateway.dispatcher.open(plan.backends, request, caller.id) as upstream:
                    episode.first = upstream.first_byte_seconds
                    await relay(upstream, caller, meter, plan)
