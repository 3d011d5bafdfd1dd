"""Slots of a scarce backend: so many run, so many wait, in order of priority, and not for long.

Theory of operation. There are `concurrency` slots. A request that finds none free waits, if the
queue has room. Tiers have turns by their priority, then each customer has its own
(`router.fairness`). Where the queue is full, who holds fewer places than the greediest customer,
slots included, takes that one's newest place in the queue. A slot that becomes free goes to the
first in the queue. A tier may be guaranteed a share of the slots: the others never take what it
leaves unused.
"""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from router.backends.backend import Capacity
from router.fairness import ANYBODY, Holder, Line, Ticket

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
    """How soon a request gets a slot: rank 0 has most turns, 2 fewest; a tier may have a share."""

    rank: int = 1
    tier: str = ""


@dataclass(frozen=True, slots=True)
class Slot:
    """A slot in use: the `position` in the queue at arrival (0: at once), seconds waited for it."""

    tier: str
    began: float
    position: int = 0
    waited: float = 0.0
    holder: Holder = (1, ANYBODY)


@dataclass(eq=False, slots=True)
class _Waiter:
    priority: Priority
    called: asyncio.Future[None]


_Waiting = Ticket[_Waiter]


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
        self._line: Line[_Waiter] = Line(_is_done)
        self._running: dict[str, int] = {}  # by tier
        self._held: Counter[Holder] = Counter()
        self._service = 0.0  # seconds a request holds its slot, running mean
        self.in_use = 0
        self.reported: int | None = None  # requests that the server itself says it has

    @property
    def queued(self) -> int:
        """How many wait."""
        return len(self._line)

    @property
    def load(self) -> float:
        """Running and waiting requests over slots: 1 is full. The server's own figure counts
        where it is larger: others may use it too."""
        ours = self.in_use + len(self._line)
        return max(ours, self.reported or 0) / self.capacity.concurrency

    @property
    def wait_ms(self) -> int:
        """How long a newcomer would wait, as far as one can tell."""
        if self.in_use < self.capacity.concurrency:
            return 0
        ahead = (len(self._line) + 1) / self.capacity.concurrency
        return int(ahead * self._service * 1000)

    async def enter(self, priority: Priority, customer: str = ANYBODY) -> Slot:
        """Get a slot, at once or after a wait; Full where there is none to be had."""
        holder = priority.rank, (customer, priority.tier)
        if not self._line and self._has_room(priority.tier):
            self._take(priority.tier, holder)
            return Slot(priority.tier, self._clock(), holder=holder)
        waiting = self._join(priority, holder)
        position = self._line.before(waiting) + 1
        began = self._clock()
        try:
            async with asyncio.timeout(self.capacity.max_wait):
                await waiting.item.called
        except Full:
            raise
        except TimeoutError:
            if not _was_called(waiting):
                self._line.leave(waiting)
                raise Full(f"had no free slot within {self.capacity.max_wait:g} s") from None
        except BaseException:
            if _was_called(waiting):  # called and cancelled at the same moment
                self._give_back(priority.tier, holder)
            else:
                self._line.leave(waiting)
            raise
        now = self._clock()
        return Slot(priority.tier, now, position, now - began, holder)

    def leave(self, slot: Slot) -> None:
        """Give the slot back."""
        held = self._clock() - slot.began
        self._service += (held - self._service) * (_MEMORY if self._service else 1.0)
        self._give_back(slot.tier, slot.holder)

    def _take(self, tier: str, holder: Holder) -> None:
        self.in_use += 1
        self._running[tier] = self._running.get(tier, 0) + 1
        self._held[holder] += 1

    def _give_back(self, tier: str, holder: Holder) -> None:
        self.in_use -= 1
        self._running[tier] -= 1
        self._held[holder] -= 1
        if not self._held[holder]:
            del self._held[holder]
        if self._line:
            self._call_next()

    def _call_next(self) -> None:
        for waiting in self._line.heads():
            tier = waiting.item.priority.tier
            if self._has_room(tier):
                self._line.served(waiting)
                self._take(tier, (waiting.rank, waiting.customer))
                waiting.item.called.set_result(None)
                return

    def _has_room(self, tier: str) -> bool:
        kept = sum(
            max(0, math.floor(share * self.capacity.concurrency) - self._running.get(other, 0))
            for other, share in self.capacity.guaranteed.items()
            if other != tier
        )
        return self.in_use + kept < self.capacity.concurrency

    def _join(self, priority: Priority, holder: Holder) -> _Waiting:
        if len(self._line) >= self.capacity.queue:
            last = self._line.greediest(*holder, self._held)
            if last is None:
                raise Full("has no free slot and a full queue")
            self._line.leave(last)
            if not _is_done(last.item):
                last.item.called.set_exception(
                    Full("gave its place in a full queue to a customer that holds fewer")
                )
        called: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        return self._line.join(*holder, _Waiter(priority, called))


def _is_done(waiter: _Waiter) -> bool:
    return waiter.called.done()


def _was_called(waiting: _Waiting) -> bool:
    called = waiting.item.called
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
