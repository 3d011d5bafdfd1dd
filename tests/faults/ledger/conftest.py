from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from ledgerkit import Outside

from router.ledger.server.embedded import Embedded


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Embedded]:
    with Embedded(tmp_path / "valkey") as embedded:
        yield embedded


@pytest.fixture
def outside(server: Embedded) -> Iterator[Outside]:
    with redis.Redis(unix_socket_path=server.url.removeprefix("unix://")) as client:
        yield Outside(client)
