"""What keeps one customer from stopping the others: room for bodies, a watch over memory."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Final, NamedTuple

from router.api.body_room import BodyRoom
from router.api.memory_guard import ROOM_PART, MemoryGuard, usable_memory
from router.pipeline.serving import Authenticates, Serving
from router.telemetry.metric import Metric, Values
from router.world.config_limits import LimitSection


class Guards(NamedTuple):
    """The two, as the edge and the metrics see them."""

    room: BodyRoom
    memory: MemoryGuard


Meter = tuple[Metric, Callable[[Guards], Values]]
METERS: Final[tuple[Meter, ...]] = (
    (
        Metric(
            "turnout_body_bytes",
            "gauge",
            (),
            "Bytes that bodies on their way, and requests that came with large ones, have taken of "
            "`limits.bodies`.",
        ),
        lambda guards: {(): guards.room.held},
    ),
    (
        Metric(
            "turnout_bodies_waiting",
            "gauge",
            (),
            "Requests whose body waits for room, or for its turn to be read.",
        ),
        lambda guards: {(): guards.room.waiting},
    ),
    (
        Metric(
            "turnout_bodies_refused",
            "counter",
            ("reason",),
            "Bodies for which there was no room in time: share (their customer had too much on its "
            "way, 429), room (all had, 503).",
        ),
        lambda guards: {(reason,): count for reason, count in guards.room.refused.items()},
    ),
    (
        Metric(
            "turnout_memory_bytes",
            "gauge",
            (),
            "What this process has in memory, looked at every second.",
        ),
        lambda guards: {(): guards.memory.used},
    ),
    (
        Metric(
            "turnout_memory_level",
            "gauge",
            (),
            "How many priorities of tiers are turned away because memory is short: 0 to 3.",
        ),
        lambda guards: {(): guards.memory.level},
    ),
    (
        Metric(
            "turnout_memory_turned_away",
            "counter",
            (),
            "Requests turned away because memory was short.",
        ),
        lambda guards: {(): guards.memory.turned_away},
    ),
)


def start_guards(
    stack: AsyncExitStack, limits: LimitSection, serving: Serving, known: Authenticates
) -> Guards:
    """Start them; `stack` stops them. `known` are the keys, whatever the memory is."""
    memory = MemoryGuard(serving, limits.memory or usable_memory())
    memory.start()
    stack.push_async_callback(memory.close)

    def who(credential: bytes | None) -> tuple[int, str]:
        principal = known.authenticate(credential)
        standing = serving.snapshot.standing_of(principal)
        return standing.priority.rank, principal.organization

    room = BodyRoom(limits.bodies or memory.most // ROOM_PART, limits.bodies_wait, who)
    return Guards(room, memory)
