"""Slots of a scarce backend: so many run, so many wait, in order of priority, and not for long.

Theory of operation. There are `concurrency` slots. A request that finds none free waits, if the
queue has room. The queue is in order of priority, then each customer in its turn, then of arrival
(`router.fairness`); a newcomer that would stand before the last in it makes room by sending that
one away. A slot that becomes free goes to the first in the queue. A tier may be guaranteed a share
of the slots: the others never take what it leaves unused.
"""

import asyncio
import bisect
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from router.backends.backend import Capacity
from router.fairness import ANYBODY, Tag, Turns

STEEPNESS: Final = 3  # times the cost elsewhere, when every slot is taken
KNEE: Final = 0.5  # part of the slots in use up to which a slot is worth nothing beyond its price
_MEMORY: Final = 0.2  # weight of the newest service time in the running mean


class Full(Exception):
    """No slot and no room to wait, or none fell free in time. `reason` is fit for a client."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Priority:
    """How soon a request gets a slot: rank 0 is served first, 2 last; a tier may have its share."""

    rank: int = 1
    tier: str = ""


@dataclass(frozen=True, slots=True)
class Slot:
    """A slot in use: the `position` in the queue at arrival (0: at once), seconds waited for it."""

    tier: str
    began: float
    position: int = 0
    waited: float = 0.0


@dataclass(order=True, slots=True)
class _Waiter:
    tag: Tag
    priority: Priority = field(compare=False)
    called: asyncio.Future[None] = field(compare=False)


class SharedSlots(Protocol):
    """Slots that all gateways have together."""

    async def claim(
        self, name: str, slots: int, guaranteed: Mapping[str, float], tier: str, seconds: float
    ) -> Callable[[], None] | None:
        """Get one of `slots` for a tier's request, after at most `seconds`.

        Return what gives it back, or None where no slot was free.
        """


class SlotQueue:
    """The slots of one backend, and the requests that wait for one."""

    def __init__(self, capacity: Capacity, clock: Callable[[], float] = time.monotonic) -> None:
        self.capacity = capacity
        self._clock = clock
        self._waiters: list[_Waiter] = []
        self._turns = Turns()
        self._running: dict[str, int] = {}
        self._service = 0.0  # seconds a request holds its slot, running mean
        self.in_use = 0
        self.reported: int | None = None  # requests that the server itself says it has

    @property
    def queued(self) -> int:
        """How many wait."""
        return len(self._waiters)

    @property
    def load(self) -> float:
        """Running and waiting requests over slots: 1 is full. The server's own figure counts
        where it is larger: others may use it too."""
        ours = self.in_use + len(self._waiters)
        return max(ours, self.reported or 0) / self.capacity.concurrency

    @property
    def wait_ms(self) -> int:
        """How long a newcomer would wait, as far as one can tell."""
        if self.in_use < self.capacity.concurrency:
            return 0
        ahead = (len(self._waiters) + 1) / self.capacity.concurrency
        return int(ahead * self._service * 1000)

    async def enter(self, priority: Priority, customer: str = ANYBODY) -> Slot:
        """Get a slot, at once or after a wait; Full where there is none to be had."""
        if not self._waiters and self._has_room(priority.tier):
            return self._take(priority.tier)
        waiter = self._join(priority, customer)
        position = self._waiters.index(waiter) + 1
        began = self._clock()
        try:
            async with asyncio.timeout(self.capacity.max_wait):
                await waiter.called
        except Full:
            raise
        except TimeoutError:
            if not _was_called(waiter):
                self._drop(waiter)
                raise Full(f"had no free slot within {self.capacity.max_wait:g} s") from None
        except BaseException:
            if _was_called(waiter):  # called and cancelled at the same moment
                self._give_back(priority.tier)
            else:
                self._drop(waiter)
            raise
        now = self._clock()
        return Slot(priority.tier, now, position, now - began)

    def leave(self, slot: Slot) -> None:
        """Give the slot back."""
        held = self._clock() - slot.began
        self._service += (held - self._service) * (_MEMORY if self._service else 1.0)
        self._give_back(slot.tier)

    def _take(self, tier: str) -> Slot:
        self.in_use += 1
        self._running[tier] = self._running.get(tier, 0) + 1
        return Slot(tier, self._clock())

    def _give_back(self, tier: str) -> None:
        self.in_use -= 1
        self._running[tier] -= 1
        for waiter in self._waiters:
            if not waiter.called.done() and self._has_room(waiter.priority.tier):
                self._turns.served(waiter.tag)
                self._drop(waiter)
                self._take(waiter.priority.tier)
                waiter.called.set_result(None)
                return

    def _has_room(self, tier: str) -> bool:
        kept = sum(
            max(0, math.floor(share * self.capacity.concurrency) - self._running.get(other, 0))
            for other, share in self.capacity.guaranteed.items()
            if other != tier
        )
        return self.in_use + kept < self.capacity.concurrency

    def _join(self, priority: Priority, customer: str) -> _Waiter:
        if len(self._waiters) >= self.capacity.queue:
            last = self._waiters[-1] if self._waiters else None
            if last is None or last.tag < self._turns.peek(priority.rank, customer):
                raise Full("has no free slot and a full queue")
            self._drop(last)
            last.called.set_exception(Full("gave its place to a request that was before it"))
        tag = self._turns.tag(priority.rank, customer)
        called: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiter = _Waiter(tag, priority, called)
        bisect.insort(self._waiters, waiter)
        return waiter

    def _drop(self, waiter: _Waiter) -> None:
        if waiter in self._waiters:
            self._waiters.remove(waiter)
        if not self._waiters:
            self._turns.forget()


def _was_called(waiter: _Waiter) -> bool:
    called = waiter.called
    return called.done() and not called.cancelled() and called.exception() is None


def shadow_price(load: float, elsewhere_pico: int, knee: float = KNEE) -> int:
    """What a slot is worth beyond its price, in pico-USD, for one request.

    `elsewhere_pico` is what the request would cost elsewhere, see `cost_elsewhere`. Nothing below
    `knee` (part of the slots in use); then it rises with the square of the way to full, where it is
    STEEPNESS times that; beyond, with a queue, in proportion up to twice as much. A request that is
    served as well at that other backend leaves when the slots are four fifths taken; one that costs
    much more there, or is served worse, stays longest. `bench/spill.py` shows what this is worth.
    """
    if load <= knee:
        return 0
    if load >= 1.0:
        return int(STEEPNESS * elsewhere_pico * min(load, 2.0))
    return int(STEEPNESS * elsewhere_pico * ((load - knee) / (1.0 - knee)) ** 2)


def cost_elsewhere(costs: Mapping[str, int], name: str) -> int:
    """What a request would cost if it left backend `name`: at the next dearer one, or the dearest
    of the others where none is dearer; 0 where there is no other. `costs` are pico-USD by backend.
    """
    own = costs[name]
    others = [cost for other, cost in costs.items() if other != name]
    return min((cost for cost in others if cost >= own), default=max(others, default=0))
