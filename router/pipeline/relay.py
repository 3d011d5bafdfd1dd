"""Upstream bytes to the client, metered; nothing is held back and nothing is parsed twice."""

from policies.money import usd
from router.backends.upstream import Upstream
from router.pipeline.caller import Caller
from router.pipeline.decide import Plan
from router.pipeline.meter import Meter


async def relay(upstream: Upstream, caller: Caller, meter: Meter, plan: Plan) -> None:
    """Deliver the answer.

    A plain answer carries its real cost in a header; a stream's head leaves before its cost is
    known, so it carries the expected one. Raises StreamBroken when the backend breaks off.
    """
    meter.serve(upstream)
    served_by = upstream.backend.name
    caller.backend = served_by
    caller.headers.append(("x-turnout-backend", served_by))
    if not upstream.stream_requested:
        caller.headers.append(("x-turnout-cost-usd", usd(meter.charge().cost_pico)))
        await caller.send(upstream.body)
        return
    caller.headers.append(("x-turnout-cost-usd", usd(plan.decision.cost_pico[served_by])))
    await caller.start()
    async for data in upstream.stream():
        await caller.write(data)
    await caller.end()
