"""The gateway that strangers attack: one for the tests of a session."""

from collections.abc import Iterator

import pytest
from edgekit import Edge, live_edge


@pytest.fixture(scope="session")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """A gateway with small bounds, so that they are soon reached."""
    connections = {"idle": "1s", "head_timeout": "1s", "wrong_keys": 5}
    connections |= {"trusted_proxies": ["127.0.0.1"]}
    limits = {"body": "1MB", "body_timeout": "1s"}
    more = {"connections": connections, "stream": {"unread": "1s"}}
    with live_edge(tmp_path_factory.mktemp("edge"), limits, **more) as edge:
        yield edge
