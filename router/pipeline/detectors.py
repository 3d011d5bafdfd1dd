"""The detectors of private data, at work for many customers at once.

A short request is read at once. A longer one is read by one of a few threads of their own, which
let the interpreter go while they match; a customer has one of them at a time, and tiers, then
customers take turns. Whose client left is read no further. What is over the budget counts as
private, and says `request.unread`, so that a policy may decide otherwise. Where the operator has
Presidio, it reads what these found nothing in (`router.pipeline.second_reading`).
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from threading import Event
from typing import Final, TypeVar

from policies.pii.budget import BUDGET, Budget
from policies.pii.found import Finder
from policies.pii.reading import PrivateData, Reading
from policies.pii.spans import ShapeFinder
from policies.redaction import Redaction
from router.ask import UNREADABLE, Ask
from router.domain import Principal
from router.pipeline.refused_lately import Refusals
from router.pipeline.second_reading import SecondReading, second_reading
from router.pipeline.turns import Places
from router.presidio.process import NotRead
from router.protocols.leaving import leaving, leaving_bytes, leaving_whole
from router.protocols.redacting import Redacting, Redactor, redacting, strings_of
from router.world.config_limits import DetectorSection

AT_ONCE: Final = 16_384  # bytes that take less time than the way to a thread and back
REDACTED_AT_ONCE: Final = 4_096  # the same of those that are redacted
THREADS: Final = 2
WAITING: Final = 64  # long requests of one customer
Texts = Callable[[], Iterable[bytes]]
Result = TypeVar("Result")


class Detectors:
    """One for a gateway. `found` counts what readings came to, by name; `second` reads what they
    found nothing in.
    """

    def __init__(
        self,
        budget: Budget = BUDGET,
        *,
        threads: int = THREADS,
        second: SecondReading | None = None,
    ) -> None:
        self._budget = budget
        self.second = second
        self._pool = ThreadPoolExecutor(threads, "detectors")
        self.turns = Places(threads, 1, WAITING)
        self.refusals = Refusals()
        self.found: Counter[str] = Counter()
        self.redactions: Counter[str] = Counter()  # values replaced, by kind

    async def finding_of(
        self, ask: Ask, principal: Principal, model: str, rank: int = 0
    ) -> PrivateData:
        """Say whether anything private leaves with a request for `model`. Raises LimitExceeded of a
        long one where too many of the customer wait, or a limit has just refused it.
        """
        if not UNREADABLE.isdisjoint(ask.features):
            finding = PrivateData.UNREAD  # nobody here can read it
        elif leaving_bytes(ask) <= AT_ONCE:
            finding = Reading(self._budget).finding(leaving(ask))
        else:
            self.refusals.check(principal, ask.user or "", model)
            texts, size = partial(leaving, ask), leaving_bytes(ask)
            finding = await self._beside(texts, principal.organization, rank, size)
        if self.second is not None and finding is PrivateData.NOTHING:
            self.refusals.check(principal, ask.user or "", model)
            wholes, size = partial(leaving_whole, ask), leaving_bytes(ask)
            finding = await self.second.finding(wholes, principal.organization, rank, size)
        self.found[finding.name] += 1
        return finding

    async def beside(
        self, texts: Texts, customer: str, rank: int = 0, size: int = 0
    ) -> PrivateData:
        """Read texts of so many bytes in a thread, when it is the customer's turn among those of
        its tier's rank. Raises LimitExceeded.
        """
        finding = await self._beside(texts, customer, rank, size)
        if self.second is not None and finding is PrivateData.NOTHING:
            finding = await self.second.finding(texts, customer, rank, AT_ONCE + size)
        self.found[finding.name] += 1
        return finding

    async def redacted(
        self,
        ask: Ask,
        redaction: Redaction,
        parse: Callable[[bytes], Ask],
        principal: Principal,
        model: str,
        *,
        rank: int = 0,
    ) -> Redacting | None:
        """Redact a request for `model`; None where it could not be read within the budget.

        Raises LimitExceeded, as `finding_of` does.
        """
        size = leaving_bytes(ask)
        further: tuple[Finder, ...] = ()
        if self.second is not None and redaction.kinds is None:
            self.refusals.check(principal, ask.user or "", model)
            try:
                texts = await asyncio.to_thread(strings_of, ask)
                further = (await self.second.spans(texts, principal.organization, rank),)
            except NotRead:
                return None
        work = partial(self._redacted, ask, redaction, parse, further)
        if size <= REDACTED_AT_ONCE:
            return work(Event())
        self.refusals.check(principal, ask.user or "", model)
        return await self._in_turn(work, principal.organization, rank, size)

    def _redacted(
        self,
        ask: Ask,
        redaction: Redaction,
        parse: Callable[[bytes], Ask],
        further: tuple[Finder, ...],
        left: Event,
    ) -> Redacting | None:
        finder = ShapeFinder(self._budget, left.is_set)
        look = Reading(self._budget, left.is_set)
        redactor = Redactor([finder, *further], redaction.wants, finder.check)
        return redacting(ask, redactor, redaction.wants, parse, look)

    async def _beside(self, texts: Texts, customer: str, rank: int, size: int) -> PrivateData:
        return await self._in_turn(partial(self._read, texts), customer, rank, size)

    async def _in_turn(
        self, work: Callable[[Event], Result], customer: str, rank: int, size: int
    ) -> Result:
        """Work on so many bytes in a thread, when it is the customer's turn. Raises LimitExceeded.

        The event that `work` is given is set once nobody waits for it any more.
        """
        await self.turns.take(customer, rank, 1 + size // AT_ONCE)
        left = Event()
        try:
            reading = self._pool.submit(work, left)
        except BaseException:
            self.turns.give_back(customer)
            raise
        loop = asyncio.get_running_loop()
        reading.add_done_callback(partial(self._over, loop, customer))
        try:
            return await asyncio.wrap_future(reading)
        finally:
            left.set()

    def close(self) -> None:
        """Let the threads go, once they have read what they are at."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _read(self, texts: Texts, left: Event) -> PrivateData:
        return Reading(self._budget, left.is_set).finding(texts())

    def _over(self, loop: asyncio.AbstractEventLoop, customer: str, _: Future[Result]) -> None:
        """The turn ends with the reading, not with the client."""
        if not loop.is_closed():
            loop.call_soon_threadsafe(self.turns.give_back, customer)


async def start_detectors(
    stack: AsyncExitStack, section: DetectorSection, folder: Path
) -> Detectors:
    """Return detectors as the operator wants them; `folder` is where paths begin, `stack` stops
    them. Raises Unusable where Presidio does not come up.
    """
    second = None
    if section.presidio is not None:
        second = await second_reading(section.presidio, folder)
        stack.push_async_callback(second.close)
    budget = Budget(section.bytes, section.microseconds)
    detectors = Detectors(budget, threads=section.threads, second=second)
    stack.callback(detectors.close)
    return detectors
