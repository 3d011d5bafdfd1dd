"""Which replica a conversation belongs to, so that its KV cache is found again.

Rendezvous hashing on the conversation's head, with bounded load: a conversation goes to its first
choice unless that one is busier than its fair share, then to its second, and so on. When a replica
comes or goes, only its own conversations move.
"""

import math
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

BOUND: Final = 1.25  # times the mean load


def preference(name: bytes, replicas: Sequence[str], loads: Sequence[int]) -> list[int]:
    """Indexes of the replicas, the preferred first; those over the bound come last.

    `loads` are requests in flight, in the order of `replicas`.
    """
    limit = math.ceil(BOUND * (sum(loads) + 1) / len(replicas))
    ranked = sorted(
        range(len(replicas)),
        key=lambda at: blake2b(name + replicas[at].encode(), digest_size=8).digest(),
    )
    return [at for at in ranked if loads[at] < limit] + [at for at in ranked if loads[at] >= limit]
