"""A dispatcher that never asks a backend twice; a simulator on the clock of the test."""

from collections.abc import AsyncIterator

import pytest
from faulty_backends import no_retries
from http2server import Contexts, http2_server
from modelservers import RunningSimulator, in_this_loop
from transports import NewTransport, is_over_http2

from router.backends.dispatch.dispatch import Dispatcher
from router.simulator.server import Simulator


@pytest.fixture
async def dispatcher(
    new_transport: NewTransport,
) -> AsyncIterator[Dispatcher]:
    dispatcher = Dispatcher(new_transport(), retry=no_retries())
    yield dispatcher
    await dispatcher.close()


@pytest.fixture
async def simulator(
    request: pytest.FixtureRequest, http2_contexts: Contexts
) -> AsyncIterator[RunningSimulator]:
    """An instant simulator in the loop of the test, so that its waits are on the same clock."""
    app = Simulator("instant")
    if is_over_http2(request):
        async with http2_server(app, http2_contexts[0]) as server:
            yield RunningSimulator(server.base_url, app)
    else:
        async with in_this_loop(app) as base_url:
            yield RunningSimulator(base_url, app)
