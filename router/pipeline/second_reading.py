"""A second, stronger reading for private data: what the patterns found nothing in, Presidio reads.

It runs in processes of its own (`router.presidio`) and is a hundred times slower than patterns, so
what it reads is bounded: in bytes and in time, in turns by tier, then by customer. What is beyond,
and whatever it could not read, counts as private. A turn ends with the piece that is being read,
not with the client or its time: who sends what takes long waits for it alone.
"""

import asyncio
from asyncio import Event, Task
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from policies.pii.found import Finder, Found
from policies.pii.reading import PrivateData
from router.pipeline.turns import Places
from router.presidio.pool import Pool
from router.presidio.process import Died, NotRead
from router.presidio.sentences import TooMuch, pieces_of
from router.presidio.spans import KnownSpans, packed
from router.telemetry.metric import Metric, Values
from router.world.config_presidio import PresidioSection, spec_of

AT_ONCE: Final = 16_384  # bytes whose sentences are found on the event loop
WAITING: Final = 64  # requests of one customer
# Pieces that go to a process together: a GPU reads many as fast as one.
TOGETHER: Final = {"cpu": 1, "cuda": 16}
SHUNNED_SECONDS: Final = 60.0
Texts = Callable[[], Iterable[bytes]]


class Reads(Protocol):
    """Processes that read."""

    @property
    def living(self) -> int:
        """How many are up."""

    @property
    def deaths(self) -> int:
        """How many died so far."""

    async def ask(self, texts: Sequence[str]) -> list[list[Found]]:
        """Return what each text holds. Raises NotRead, Died where a process ended at these."""

    async def close(self) -> None:
        """End them."""


class Bounds(NamedTuple):
    """What one reading may take: `bytes` of language, `seconds` once it is its turn; and for how
    many seconds it may `wait` for that.
    """

    bytes: int = 64_000
    seconds: float = 2.0
    wait: float = 5.0


class SecondReading:
    """One for a gateway. `found` counts what readings came to, by name; `together` is how many
    pieces go to a process at once.
    """

    def __init__(self, pool: Reads, bounds: Bounds, *, places: int = 1, together: int = 1) -> None:
        self.pool = pool
        self.turns = Places(places, 1, WAITING)
        self.found: Counter[str] = Counter()
        self._bounds = bounds
        self._together = together
        self._begun: set[Task[list[list[Found]]]] = set()
        self._shunned: dict[str, float] = {}  # whose text a process died of, until when

    async def finding(
        self, texts: Texts, customer: str, rank: int = 0, size: int = 0
    ) -> PrivateData:
        """Say whether texts of so many bytes hold anything private. Raises LimitExceeded where too
        many of the customer wait.
        """
        finding = await self._finding(texts, customer, rank, size)
        self.found[finding.name] += 1
        return finding

    async def spans(self, texts: Sequence[str], customer: str, rank: int = 0) -> Finder:
        """Read the texts of one request in one turn, and return what knows where in each something
        stands. Raises NotRead where they were not all read, LimitExceeded as `finding` does.
        """
        if sum(len(text.encode("utf-8", "replace")) for text in texts) > self._bounds.bytes:
            raise NotRead("they are too long")
        pieces, parts = packed(texts)
        found = await self._in_turn(pieces, customer, rank, all_of_it=True) if pieces else []
        return KnownSpans(parts, found)

    async def close(self) -> None:
        """End what is being read, and the processes."""
        for task in self._begun:
            task.cancel()
        await asyncio.gather(*self._begun, return_exceptions=True)
        await self.pool.close()

    async def _finding(self, texts: Texts, customer: str, rank: int, size: int) -> PrivateData:
        try:
            if size <= AT_ONCE:
                pieces = self._pieces(texts)
            else:
                pieces = await asyncio.to_thread(self._pieces, texts)
            found = await self._in_turn(pieces, customer, rank) if pieces else []
        except (TooMuch, NotRead):
            return PrivateData.UNREAD
        return PrivateData.FOUND if any(found) else PrivateData.NOTHING

    def _pieces(self, texts: Texts) -> list[str]:
        return pieces_of(texts(), self._bounds.bytes)

    async def _in_turn(
        self, pieces: Sequence[str], customer: str, rank: int, *, all_of_it: bool = False
    ) -> list[list[Found]]:
        """Return what is found in each piece, up to the first that holds something. Raises NotRead
        where that takes too long.
        """
        self._look_at(customer)
        try:
            async with asyncio.timeout(self._bounds.wait):
                await self.turns.take(customer, rank, len(pieces))
        except TimeoutError:
            raise NotRead("it waited too long") from None
        wanted = Event()
        wanted.set()
        task = asyncio.create_task(self._read(pieces, customer, wanted, all_of_it=all_of_it))
        self._begun.add(task)
        task.add_done_callback(self._over)
        try:
            await asyncio.wait((task,), timeout=self._bounds.seconds)
        finally:
            wanted.clear()
        if not task.done():
            raise NotRead("its time was over")
        return task.result()

    async def _read(
        self, pieces: Sequence[str], customer: str, wanted: Event, *, all_of_it: bool
    ) -> list[list[Found]]:
        """Read while it is wanted. The turn ends with this, not with the client."""
        found: list[list[Found]] = []
        try:
            for start in range(0, len(pieces), self._together):
                if not wanted.is_set():
                    raise NotRead("nobody waits for it")
                found += await self.pool.ask(pieces[start : start + self._together])
                if any(found) and not all_of_it:
                    break
        except Died:
            self._shunned[customer] = asyncio.get_running_loop().time() + SHUNNED_SECONDS
            raise
        finally:
            self.turns.give_back(customer)
        return found

    def _look_at(self, customer: str) -> None:
        """Raise NotRead of a customer whose text a process has just died of: each such death costs
        the others their readings.
        """
        until = self._shunned.get(customer)
        if until is not None:
            if asyncio.get_running_loop().time() < until:
                raise NotRead("a process died of the customer's last")
            del self._shunned[customer]

    def _over(self, task: Task[list[list[Found]]]) -> None:
        self._begun.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waited was told


async def second_reading(section: PresidioSection, folder: Path) -> SecondReading:
    """Start Presidio as configured; `folder` is what its paths begin in. Raises Unusable."""
    pool = Pool(spec_of(section, folder), section.processes)
    await pool.start()
    bounds = Bounds(section.bytes, section.milliseconds / 1_000, section.wait)
    together = TOGETHER[section.device]
    return SecondReading(pool, bounds, places=section.processes, together=together)


METERS: Final[tuple[tuple[Metric, Callable[[SecondReading], Values]], ...]] = (
    (
        Metric(
            "turnout_presidio",
            "gauge",
            ("state",),
            "Requests that Presidio is reading, and those that wait for their turn; its processes "
            "that are up.",
        ),
        lambda second: {
            ("reading",): second.turns.taken,
            ("waiting",): second.turns.waiting,
            ("up",): second.pool.living,
        },
    ),
    (
        Metric(
            "turnout_presidio_detections",
            "counter",
            ("result",),
            "Requests in which patterns found nothing, by what Presidio said: nothing, found, "
            "unread (over its bounds, or it was down).",
        ),
        lambda second: {(name.lower(),): count for name, count in second.found.items()},
    ),
    (
        Metric(
            "turnout_presidio_deaths",
            "counter",
            (),
            "Processes of Presidio that ended, or hung and were ended.",
        ),
        lambda second: {(): second.pool.deaths},
    ),
)
