"""How often customers may read what is known of themselves, and the threads that look it up.

Reading is no request for a model: it costs no quota and asks no backend. So that it floods nothing,
each key has an allowance by the minute in each worker, the database is asked by two threads of
their own, and each organization may have one question at the database.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from router.backends.counting.allowance import Allowance
from router.database import DatabaseError
from router.decisions.store import DecisionStore
from router.domain import Principal
from router.errors import LimitExceeded, Unavailable, retry_after
from router.usage.store import UsageStore

_THREADS: Final = 2
_TOO_OFTEN: Final = "Too many questions about limits and usage with this key. Please wait."
_ASKED: Final = "A question of this organization is being answered. Please wait for it."
_AWAY: Final = "The database of usage does not answer. Please try again."
_Result = TypeVar("_Result")


class Readings:
    """One for a gateway; `usage` and `decisions` are the stores that are read."""

    def __init__(
        self,
        usage: UsageStore,
        decisions: DecisionStore,
        *,
        per_minute: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`per_minute`: how often each key may read."""
        self.usage = usage
        self.decisions = decisions
        self._allowance = Allowance(per_minute)
        self._per_minute = per_minute
        self._clock = clock
        self._pool = ThreadPoolExecutor(_THREADS, "readings")
        self._asking: set[str] = set()  # organizations

    def admit(self, principal: Principal) -> None:
        """Take one of a key's questions. Raises LimitExceeded where there is none left."""
        if not self._allowance.take(principal.key_id, self._clock()):
            wait = 60_000 // self._per_minute if self._per_minute else 60_000
            raise LimitExceeded(_TOO_OFTEN, headers=retry_after(wait))

    async def look(self, organization: str, work: Callable[[], _Result]) -> _Result:
        """Have the database asked beside the loop. Raises LimitExceeded where the organization's
        last question is not answered yet, Unavailable where the database is away.
        """
        if organization in self._asking:
            raise LimitExceeded(_ASKED, headers=retry_after(1_000))
        self._asking.add(organization)
        asked = asyncio.get_running_loop().run_in_executor(self._pool, work)
        asked.add_done_callback(lambda _: self._asking.discard(organization))
        try:
            return await asyncio.shield(asked)  # who leaves has asked all the same
        except DatabaseError:
            raise Unavailable(_AWAY, headers=retry_after(1_000)) from None

    def close(self) -> None:
        """Let the threads go."""
        self._pool.shutdown(wait=False, cancel_futures=True)
