"""What keeps one customer from stopping the others: room for bodies, a watch over memory."""

from contextlib import AsyncExitStack
from typing import NamedTuple

from router.api.body_room import BodyRoom
from router.api.memory_guard import ROOM_PART, MemoryGuard, usable_memory
from router.pipeline.serving import Authenticates, Serving
from router.world.config_limits import LimitSection


class Guards(NamedTuple):
    """The two, as the edge and the metrics see them."""

    room: BodyRoom
    memory: MemoryGuard


def start_guards(
    stack: AsyncExitStack, limits: LimitSection, serving: Serving, known: Authenticates
) -> Guards:
    """Start them; `stack` stops them. `known` are the keys, whatever the memory is."""
    memory = MemoryGuard(serving, limits.memory or usable_memory())
    memory.start()
    stack.push_async_callback(memory.close)

    def who(credential: bytes | None) -> tuple[int, str]:
        principal = known.authenticate(credential)
        standing = serving.snapshot.standing(principal.tier)
        return standing.priority.rank, principal.organization

    room = BodyRoom(limits.bodies or memory.most // ROOM_PART, limits.bodies_wait, who)
    return Guards(room, memory)
