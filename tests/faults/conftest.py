"""A dispatcher that never asks a backend twice."""

from collections.abc import AsyncIterator

import pytest
from faulty_backends import no_retries
from transports import NewTransport

from router.backends.dispatch.dispatch import Dispatcher


@pytest.fixture
async def dispatcher(
    new_transport: NewTransport,
) -> AsyncIterator[Dispatcher]:
    dispatcher = Dispatcher(new_transport(), retry=no_retries())
    yield dispatcher
    await dispatcher.close()
