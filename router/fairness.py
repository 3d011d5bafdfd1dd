"""Who is next where something is scarce, and who is sent away where a line is full.

Theory of operation. Weighted fair queueing in two steps. Ranks share by weight: while all of them
wait, the first has sixteen turns to four of the second and one of the third, so that no flood of a
higher tier keeps a lower one out. Within a rank customers share alike: start-time fair queueing,
each customer's own requests in the order of their arrival. A turn begins where the last one of its
customer ended, and ends its cost later: who asks for much stands far behind, and who asked for
nothing stands before what others have piled up. Only what is served counts: who gives up, or is
sent away, has used nothing.
"""

from collections import deque
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

T = TypeVar("T")
Holder = tuple[int, Hashable]  # a rank, and a customer of it

ANYBODY: Final = ""
CHARGES: Final = (1, 4, 16)  # what the same costs the share of each rank
_NOBODY: Final[Mapping[Holder, int]] = {}


@dataclass(eq=False, slots=True)
class Ticket(Generic[T]):
    """One that waits; `item` is its owner's."""

    rank: int
    customer: Hashable
    cost: int
    arrival: int
    item: T


class _Rank(Generic[T]):
    """Those of one rank that wait, by customer. `end` is where the rank's last turn ended."""

    __slots__ = ("customers", "end", "ends", "now")

    def __init__(self) -> None:
        self.customers: dict[Hashable, deque[Ticket[T]]] = {}
        self.ends: dict[Hashable, int] = {}  # where each one's next turn begins
        self.now = 0  # where the turn began that was served last
        self.end = 0

    def heads(self) -> list[Ticket[T]]:
        """The first of each customer, in order."""
        firsts = [waiting[0] for waiting in self.customers.values()]
        firsts.sort(key=lambda ticket: (self.ends[ticket.customer], ticket.arrival))
        return firsts

    def order(self) -> list[Ticket[T]]:
        """All, in the order in which they are served if nobody else comes."""
        begins = []
        for customer, waiting in self.customers.items():
            at = self.ends[customer]
            for ticket in waiting:
                begins.append((at, ticket.arrival, ticket))
                at += ticket.cost
        return [ticket for _, _, ticket in sorted(begins)]


class Line(Generic[T]):
    """Those that wait for one scarce thing. What is served, and when, is its owner's affair.

    `gone` says whether one has given up that did not leave yet: it holds up nobody.
    """

    __slots__ = ("_arrivals", "_clock", "_gone", "_ranks", "_size")

    def __init__(self, gone: Callable[[T], bool]) -> None:
        self._gone = gone
        self._arrivals = self._size = 0
        self._clock = 0  # where the last turn of any rank ended
        self._ranks: dict[int, _Rank[T]] = {}

    def __len__(self) -> int:
        return self._size

    def join(self, rank: int, customer: Hashable, item: T, cost: int = 1) -> Ticket[T]:
        """Wait. Of ranks, 0 has the most turns."""
        of = self._ranks.get(rank)
        if of is None:
            of = self._ranks[rank] = _Rank()
        if not of.customers:
            of.end = max(of.end, self._clock)
        waiting = of.customers.get(customer)
        if waiting is None:  # nobody saves turns up by being away
            waiting = of.customers[customer] = deque()
            of.ends[customer] = max(of.now, of.ends.get(customer, 0))
        self._arrivals += 1
        self._size += 1
        ticket = Ticket(rank, customer, cost, self._arrivals, item)
        waiting.append(ticket)
        return ticket

    def leave(self, ticket: Ticket[T]) -> None:
        """Wait no more; who does not wait may say so, too."""
        of = self._ranks.get(ticket.rank)
        waiting = of.customers.get(ticket.customer) if of is not None else None
        if of is None or not waiting or ticket not in waiting:
            return
        waiting.remove(ticket)
        self._size -= 1
        if not waiting:
            del of.customers[ticket.customer]
        if not self._size:  # nobody waits: all begin alike
            self._ranks.clear()
            self._clock = 0

    def heads(self) -> list[Ticket[T]]:
        """Return the first of each customer, in the order of their turns."""
        for of in [*self._ranks.values()]:
            for waiting in [*of.customers.values()]:
                while waiting and self._gone(waiting[0].item):
                    self.leave(waiting[0])
        found = [(rank, of.heads()) for rank, of in self._ranks.items() if of.customers]
        if len(found) > 1:
            found.sort(key=lambda one: (self._end(one[1][0]), one[0]))
        return [ticket for _, heads in found for ticket in heads]

    def served(self, ticket: Ticket[T]) -> None:
        """Note that the head of its customer has its turn; it waits no more."""
        of = self._ranks[ticket.rank]
        begins = of.ends[ticket.customer]
        of.ends[ticket.customer] = begins + ticket.cost
        of.now = max(of.now, begins)
        of.end = self._end(ticket)
        self._clock = max(self._clock, of.end)
        self.leave(ticket)

    def _end(self, ticket: Ticket[T]) -> int:
        return self._ranks[ticket.rank].end + ticket.cost * CHARGES[ticket.rank]

    def before(self, ticket: Ticket[T]) -> int:
        """Return how many are served before this one if nobody else comes."""
        ends: list[tuple[int, int, int]] = []
        for rank, of in self._ranks.items():
            end = of.end
            for other in of.order():
                end += other.cost * CHARGES[rank]
                ends.append((end, rank, other.arrival))
        arrivals = [arrival for _, _, arrival in sorted(ends)]
        return arrivals.index(ticket.arrival)

    def greediest(
        self, rank: int, customer: Hashable, has: Mapping[Holder, int] = _NOBODY
    ) -> Ticket[T] | None:
        """Return who makes room for a newcomer: the newest of whoever holds most places, by the
        weight of its rank; None where that is no more than the newcomer would hold then.

        `has` are the places that each holds besides those in which it waits.
        """
        own = self._ranks[rank].customers.get(customer, ()) if rank in self._ranks else ()
        most = (len(own) + has.get((rank, customer), 0) + 1) * CHARGES[rank]
        found: Ticket[T] | None = None
        for its_rank, of in self._ranks.items():
            for other, waiting in of.customers.items():
                holds = (len(waiting) + has.get((its_rank, other), 0)) * CHARGES[its_rank]
                if holds > most:
                    most, found = holds, waiting[-1]
        return found
