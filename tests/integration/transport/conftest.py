"""Each client of backends, closed afterwards."""

from collections.abc import AsyncIterator

import pytest
from transports import Client, NewTransport


@pytest.fixture
async def transport(new_transport: NewTransport) -> AsyncIterator[Client]:
    transport = new_transport()
    yield transport
    await transport.close()
