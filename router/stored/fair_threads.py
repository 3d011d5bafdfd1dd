"""Threads for work on a database, given to customers in turn.

Theory of operation. A database takes so many calls at once; the others wait here, where one that is
no longer waited for never begins. Whoever asks for the most waits the longest: customers take turns
(`router.fairness`), and none has more than half of the threads. What the gateway does for itself
has more turns than any of them.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from router.fairness import Line

OURS: Final = ""  # the customer of what the gateway does for itself
_Result = TypeVar("_Result")


class FairThreads:
    """`most` threads, whose names begin with `name`."""

    def __init__(self, most: int, name: str) -> None:
        self._most = most
        self._pool = ThreadPoolExecutor(most, thread_name_prefix=name)
        self._running: Counter[str] = Counter()  # calls, by customer
        self._line: Line[asyncio.Future[None]] = Line(asyncio.Future.done)

    async def run(self, customer: str, call: Callable[[], _Result]) -> _Result:
        """Return what `call` does in a thread. Raises what that raises.

        Cancelled before its turn, it is never called; later, it goes on unheard.
        """
        if self._line or not self._may(customer):
            await self._wait(customer)
        else:
            self._running[customer] += 1
        loop = asyncio.get_running_loop()
        work = self._pool.submit(call)

        def done(_: object) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(self._done, customer)

        work.add_done_callback(done)
        return await asyncio.wrap_future(work)

    def close(self) -> None:
        """Begin nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _may(self, customer: str) -> bool:
        mine = self._running.get(customer, 0)
        few = customer == OURS or mine < max(1, self._most // 2)
        return few and self._running.total() < self._most

    async def _wait(self, customer: str) -> None:
        called: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = self._line.join(int(customer != OURS), customer, called)
        self._go_on()
        try:
            await called
        except asyncio.CancelledError:
            if called.done() and not called.cancelled():
                self._done(customer)
            else:
                self._line.leave(waiting)
            raise

    def _done(self, customer: str) -> None:
        self._running[customer] -= 1
        if not self._running[customer]:
            del self._running[customer]
        self._go_on()

    def _go_on(self) -> None:
        """Call whoever may go on, in order."""
        while self._line and self._running.total() < self._most:
            may = (head for head in self._line.heads() if self._may(str(head.customer)))
            head = next(may, None)
            if head is None:
                return
            self._line.served(head)
            self._running[str(head.customer)] += 1
            head.item.set_result(None)
