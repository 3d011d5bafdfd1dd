"""Turns at something scarce, fair over customers: whoever asks much waits behind itself."""

from asyncio import CancelledError, Future, get_running_loop
from collections import Counter

from router.errors import LimitExceeded, retry_after
from router.fairness import Line

_AGAIN_MS = 1_000


class Places:
    """At most `total` at once, `each` of one customer; more wait, in the order of
    `router.fairness`. Of one customer `waiting` wait, and no more.
    """

    def __init__(self, total: int, each: int, waiting: int) -> None:
        self._total = total
        self._each = each
        self._most = waiting
        self._line: Line[Future[None]] = Line(Future.done)
        self._taken: Counter[str] = Counter()
        self._asking: Counter[str] = Counter()  # how many wait

    @property
    def taken(self) -> int:
        """How many have a place."""
        return self._taken.total()

    @property
    def waiting(self) -> int:
        """How many wait for one."""
        return len(self._line)

    async def take(self, customer: str, rank: int = 0, cost: int = 1) -> None:
        """Wait for a place; `give_back` leaves it. Raises LimitExceeded where too many wait."""
        if self._is_free(customer) and not self._line:
            self._taken[customer] += 1
            return
        if self._asking[customer] >= self._most:
            raise LimitExceeded(
                f"More than {self._most} long requests of yours wait to be read. Please slow down.",
                headers=retry_after(_AGAIN_MS),
            )
        place: Future[None] = get_running_loop().create_future()
        waiting = self._line.join(rank, customer, place, cost)
        self._asking[customer] += 1
        self._serve()
        try:
            await place
        except CancelledError:
            if place.done() and not place.cancelled():
                self.give_back(customer)
            else:
                self._line.leave(waiting)
            raise
        finally:
            self._asking[customer] -= 1
            if not self._asking[customer]:
                del self._asking[customer]

    def give_back(self, customer: str) -> None:
        """Leave a place: the next takes it."""
        self._taken[customer] -= 1
        if not self._taken[customer]:
            del self._taken[customer]
        self._serve()

    def _is_free(self, customer: str) -> bool:
        return self._taken.total() < self._total and self._taken[customer] < self._each

    def _serve(self) -> None:
        while self._line and self._taken.total() < self._total:
            free = (head for head in self._line.heads() if self._is_free(str(head.customer)))
            head = next(free, None)
            if head is None:
                return
            self._line.served(head)
            self._taken[str(head.customer)] += 1
            head.item.set_result(None)
