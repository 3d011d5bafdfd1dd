"""Turns at something scarce, fair over customers: whoever asks much waits behind itself."""

from asyncio import CancelledError, Future, get_running_loop
from collections import Counter

from router.errors import LimitExceeded, retry_after
from router.fairness import Tag, Turns

_AGAIN_MS = 1_000


class Places:
    """At most `total` at once, `each` of one customer; more wait, in the order of
    `router.fairness`. Of one customer `waiting` wait, and no more.
    """

    def __init__(self, total: int, each: int, waiting: int) -> None:
        self._total = total
        self._each = each
        self._most = waiting
        self._turns = Turns()
        self._taken: Counter[str] = Counter()
        self._waiting: dict[Tag, tuple[str, Future[None]]] = {}

    @property
    def taken(self) -> int:
        """How many have a place."""
        return self._taken.total()

    @property
    def waiting(self) -> int:
        """How many wait for one."""
        return len(self._waiting)

    async def take(self, customer: str, rank: int = 0, cost: int = 1) -> None:
        """Wait for a place; `give_back` leaves it. Raises LimitExceeded where too many wait."""
        if self._is_free(customer) and not self._waiting:
            self._taken[customer] += 1
            return
        if sum(name == customer for name, _ in self._waiting.values()) >= self._most:
            raise LimitExceeded(
                f"More than {self._most} requests of yours wait to be read. Please slow down.",
                headers=retry_after(_AGAIN_MS),
            )
        tag, place = self._turns.tag(rank, customer, cost), get_running_loop().create_future()
        self._waiting[tag] = customer, place
        self._serve()
        try:
            await place
        except CancelledError:
            if self._waiting.pop(tag, None) is None:
                self.give_back(customer)
            raise

    def give_back(self, customer: str) -> None:
        """Leave a place: the next takes it."""
        self._taken[customer] -= 1
        if not self._taken[customer]:
            del self._taken[customer]
        self._serve()

    def _is_free(self, customer: str) -> bool:
        return self._taken.total() < self._total and self._taken[customer] < self._each

    def _serve(self) -> None:
        for tag in sorted(self._waiting):
            if self._taken.total() >= self._total:
                return
            customer, place = self._waiting[tag]
            if self._is_free(customer):
                del self._waiting[tag]
                self._turns.served(tag)
                self._taken[customer] += 1
                place.set_result(None)
        if not self._waiting:
            self._turns.forget()
