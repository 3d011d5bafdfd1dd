from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import redis
from ledgerkit import Outside

from router.ledger.ledger import Ledger
from router.ledger.server.embedded import Embedded


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    folder: Path = tmp_path_factory.mktemp("valkey")
    with Embedded(folder) as embedded:
        yield embedded


@pytest.fixture
def outside(server: Embedded) -> Iterator[Outside]:
    with redis.Redis(unix_socket_path=server.url.removeprefix("unix://")) as client:
        client.flushall()
        yield Outside(client)


@pytest.fixture
async def ledger(server: Embedded, outside: Outside) -> AsyncIterator[Ledger]:
    ledger = await Ledger.connect(server.url, command_seconds=5)
    yield ledger
    await ledger.close()
