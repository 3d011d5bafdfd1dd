"""How many descriptors the process may have: as many as the system lets it."""

import logging
import resource
from typing import Final

from router.api.door import for_clients

_LOG: Final = logging.getLogger("turnout")
_MOST: Final = 1_048_576  # where the system sets no bound


def raise_descriptors(connections: int) -> None:
    """Raise the soft limit to the hard one; warn where it does not do for so many connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = _MOST if hard == resource.RLIM_INFINITY else min(hard, _MOST)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    allowed = max(soft, allowed)
    if for_clients(allowed) < connections:
        _LOG.warning(
            "connections.most needs more descriptors than this process may have: raise its limit"
            " (ulimit -n, LimitNOFILE=, --ulimit nofile), or lower connections.most; when they run"
            " out, connections are refused",
            extra={"connections": connections, "descriptors": allowed},
        )
