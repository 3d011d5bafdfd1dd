"""Upstream bytes to the client, metered; nothing is held back and nothing is parsed twice."""

from router.backends.dispatch import Upstream
from router.domain import PICO_PER_USD
from router.pipeline.caller import Caller
from router.pipeline.meter import Meter


def usd(pico: int) -> str:
    """Return pico-USD as a plain decimal, exact and without trailing zeros: `0.00012`."""
    whole, rest = divmod(pico, PICO_PER_USD)
    digits = f"{rest:012d}".rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)


async def relay(upstream: Upstream, caller: Caller, meter: Meter, expected_cost_pico: int) -> None:
    """Deliver the answer.

    A plain answer carries its real cost in a header; a stream's head leaves before its cost is
    known, so it carries the expected one. Raises StreamBroken when the backend breaks off.
    """
    meter.serve(upstream)
    caller.backend = upstream.backend.name
    caller.headers.append(("x-turnout-backend", upstream.backend.name))
    if not upstream.stream:
        caller.headers.append(("x-turnout-cost-usd", usd(meter.charge().cost_pico)))
        await caller.send(upstream.body)
        return
    caller.headers.append(("x-turnout-cost-usd", usd(expected_cost_pico)))
    await caller.start()
    async for data in upstream.chunks():
        await caller.write(data)
    await caller.end()
