"""Ports for servers that are told where to listen."""

import random
import socket
from typing import Final

# Below what the system gives to connections that go out, so that none of those takes it meanwhile;
# and a cluster's bus, 10,000 above, is a port too.
_RANGE: Final = (10_000, 30_000)
_DICE: Final = random.SystemRandom()


def free_port() -> int:
    """A port of this machine that nothing listens on now."""
    while True:
        port = _DICE.randrange(*_RANGE)
        if not is_taken(port):
            return port


def is_taken(port: int) -> bool:
    """Whether something listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
