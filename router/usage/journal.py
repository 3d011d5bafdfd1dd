"""From the ledger's journal into SQL: read, store, only then delete. A crash in between repeats a
batch, which the table's primary key makes harmless; while SQL is away the journal waits.

At rest nobody polls: a consumer reads when its own process wrote rows, until it finds the journal
empty, and now and then for rows of gateways that died before they could store them.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Protocol

from router.database import DatabaseError
from router.usage.store import UsageStore
from router.usage.used import corrected
from router.usage_row import JournalRow, UsageRow, usage_row

log = logging.getLogger(__name__)

_BATCH: Final = 2_000
_PAUSE_SECONDS: Final = 1.0  # a bill may be this late; a step costs more than its rows
_OTHERS_LOOKS: Final = 10  # pauses between two looks for rows of others
_REST_SECONDS: Final = (0.5, 10.0)


class ReadableEntry(Protocol):
    """One entry of a journal."""

    def row(self) -> JournalRow:
        """The row it holds. Raises ValueError for a foreign entry."""


class Journal(Protocol):
    """A journal to read and forget. Its methods raise ConnectionError while it is away."""

    async def take_reader_lease(self) -> bool:
        """Become, or stay, the one that reads."""

    async def drop_reader_lease(self) -> None:
        """Let another one read at once."""

    async def read(self, most: int) -> Sequence[ReadableEntry]:
        """The oldest entries."""

    async def forget(self, entries: Any) -> None:
        """Delete stored entries."""

    async def backlog(self) -> int:
        """How many entries wait."""


class Books(Protocol):
    """What the books say of a row beyond what the ledger knows."""

    def entered(self, row: UsageRow, first: UsageRow | None) -> UsageRow:
        """Return the row as it is stored: with its customer's day and billing period, and with what
        it would have cost at the baseline. `first` is what a correction corrects.
        """


class JournalConsumer:
    """Stores the journal, as a task of this process, while it holds the reader's lease.

    Rows are stored as `books` enter them; without, by UTC and beside no baseline. `stored` counts
    new rows, `failures` the batches that SQL refused, `foreign` unreadable entries (they stay in
    the journal and are logged). `written` says how many rows this process wrote.
    """

    def __init__(
        self,
        journal: Journal,
        store: UsageStore,
        written: Callable[[], int] = lambda: 0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        books: Books | None = None,
    ) -> None:
        self._books = books
        self._journal = journal
        self._store = store
        self._written = written
        self._sleep = sleep
        self._seen: int | None = None  # rows written when the journal was last found empty
        self._rests = 0
        self._task: asyncio.Task[None] | None = None
        self.stored = 0
        self.failures = 0
        self.foreign = 0

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.get_running_loop().create_task(self._consume())

    async def close(self) -> None:
        """Store what is there, if it can be stored now, and stop."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        with contextlib.suppress(DatabaseError, ConnectionError):
            await self.drain()

    async def drain(self) -> int:
        """Store everything that the journal holds now; returns how many rows were new.

        Raises DatabaseError or ConnectionError; what is stored stays stored.
        """
        new = 0
        while True:
            read, added = await self._step()
            new += added
            if read == 0:
                return new

    async def _step(self) -> tuple[int, int]:
        entries = await self._journal.read(_BATCH)
        rows, good = [], []
        for entry in entries:
            try:
                rows.append(usage_row(entry.row()))
            except (ValueError, KeyError):
                self.foreign += 1
                log.exception("An entry of the usage journal cannot be read; it stays there")
            else:
                good.append(entry)
        if not good:
            return 0, 0
        added = await asyncio.to_thread(self._add, rows)
        await self._journal.forget(good)
        self.stored += added
        return len(good), added

    def _add(self, rows: list[UsageRow]) -> int:
        """Store rows as they are entered; returns how many were new. Blocks."""
        late = {row.hold_id for row in rows if row.seq}
        firsts = self._store.firsts(list(late)) if late else {}
        entered = []
        for row in rows:
            done = self._entered(row, firsts.get(row.hold_id))
            entered.append(done)
            if row.hold_id in late:
                firsts.setdefault(row.hold_id, done)
        return self._store.add(entered)

    def _entered(self, row: UsageRow, first: UsageRow | None) -> UsageRow:
        if row.seq == 0:
            return row if self._books is None else self._books.entered(row, None)
        row = corrected(row, first)
        return row if self._books is None else self._books.entered(row, first)

    async def _is_due(self) -> bool:
        """Whether there may be rows: of this process since its last look, or of others by now."""
        if self._written() != self._seen:
            return True
        self._rests += 1
        if self._rests % _OTHERS_LOOKS:
            return False
        if await self._journal.backlog():
            self._seen = None  # until it is empty
        return self._seen is None

    async def _look(self) -> float:
        """Store a batch; returns the seconds until the next. At rest it gives the lease back."""
        written = self._written()
        read, _ = await self._step()
        if read >= _BATCH:
            return 0.0
        if read == 0:
            self._seen = written
            await self._journal.drop_reader_lease()
        return _PAUSE_SECONDS

    async def _consume(self) -> None:
        rest, longest = _REST_SECONDS
        while True:
            pause = _PAUSE_SECONDS
            try:
                if await self._is_due() and await self._journal.take_reader_lease():
                    pause = await self._look()
                rest = _REST_SECONDS[0]
            except (DatabaseError, ConnectionError) as error:
                self.failures += 1
                log.warning("Usage waits in the journal: %s", error)
                pause, rest = rest, min(longest, rest * 2)
            await self._sleep(pause)
