"""What tracing costs a request that is not kept, in interpreter instructions."""

from urllib.parse import urlsplit

import uvloop

from bench import steps
from bench.steps import WHOLE, Requests, folder_of_steps, gateway_in_process
from router.children.child import Child

KIND = "explicit model"  # the cheapest request there is
MOST = 255  # instructions; 225 on Python 3.11, of which 28 let go of what was asked
NOBODY = {"traces": {"to": "http://127.0.0.1:9", "sample": 0}}


async def _instructions(port: int, **more: object) -> float:
    """The fewest of three walks, package by package: on a busy machine answers and replies come in
    more pieces than one.
    """
    walks = [await _walk(port, **more) for _ in range(3)]
    packages = set[str]().union(*walks)
    return sum(min(walk.get(package, 0.0) for walk in walks) for package in packages)


async def _walk(port: int, **more: object) -> dict[str, float]:
    with folder_of_steps() as folder:
        async with gateway_in_process(folder, port, **more) as (gateway, key):
            counted = await steps.counts(Requests(gateway, key, steps.KINDS[KIND]).walk)
    del counted[WHOLE], counted["router.ledger"]  # the ledger's replies vary in their pieces
    return dict(counted)


async def _both(port: int) -> tuple[float, float]:
    return await _instructions(port), await _instructions(port, telemetry=NOBODY)


def test_a_request_that_is_not_kept_costs_hardly_more_than_one_that_is_not_traced() -> None:
    server = Child("router.simulator.server", "--name", "instant")
    server.start()
    try:
        port = urlsplit(server.await_ready()).port
        untraced, traced = uvloop.run(_both(port or 0))
    finally:
        server.stop()
    assert 0 < traced - untraced < MOST
