"""Turns at something scarce, fair over customers: whoever asks much waits behind itself."""

from asyncio import CancelledError, Future, get_running_loop
from collections import Counter, deque

from router.errors import LimitExceeded, retry_after

_AGAIN_MS = 1_000


class Turns:
    """At most `total` turns at once, `each` of one customer; more wait, and customers that wait are
    served one after the other. Of one customer `waiting` wait, and no more.
    """

    def __init__(self, total: int, each: int, waiting: int) -> None:
        self._total = total
        self._each = each
        self._most = waiting
        self._taken: Counter[str] = Counter()
        self._waiting: dict[str, deque[Future[None]]] = {}  # in the order of their next turn

    @property
    def taken(self) -> int:
        """How many have a turn."""
        return self._taken.total()

    @property
    def waiting(self) -> int:
        """How many wait for one."""
        return sum(map(len, self._waiting.values()))

    async def take(self, customer: str) -> None:
        """Wait for a turn; `give_back` ends it. Raises LimitExceeded where too many wait."""
        if self._is_free(customer) and not self._waiting:
            self._taken[customer] += 1
            return
        line = self._waiting.setdefault(customer, deque())
        if len(line) >= self._most:
            raise LimitExceeded(
                f"More than {self._most} long requests of yours wait to be read. Please slow down.",
                headers=retry_after(_AGAIN_MS),
            )
        turn: Future[None] = get_running_loop().create_future()
        line.append(turn)
        self._serve()
        try:
            await turn
        except CancelledError:
            if turn.cancelled() or not turn.done():
                self._leave(customer, turn)
            else:
                self.give_back(customer)
            raise

    def give_back(self, customer: str) -> None:
        """End a turn: the next begins."""
        self._taken[customer] -= 1
        if not self._taken[customer]:
            del self._taken[customer]
        self._serve()

    def _is_free(self, customer: str) -> bool:
        return self._taken.total() < self._total and self._taken[customer] < self._each

    def _serve(self) -> None:
        for customer in [name for name in self._waiting if self._is_free(name)]:
            if not self._is_free(customer):
                return  # all turns are taken now
            line = self._waiting.pop(customer)
            line.popleft().set_result(None)
            self._taken[customer] += 1
            if line:
                self._waiting[customer] = line  # behind the others

    def _leave(self, customer: str, turn: Future[None]) -> None:
        line = self._waiting.get(customer)
        if line is not None and turn in line:
            line.remove(turn)
            if not line:
                del self._waiting[customer]
