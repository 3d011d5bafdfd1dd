"""Decisions on their way into SQL: taken note of by requests, stored by one task once a second.

A request costs an append. Denials that are alike (of one key, by one limit) are one entry a second
with their count, so that a client that floods fills neither a disk nor the queue. What does not fit
the queue, or the database does not take, is dropped and counted: what is kept here is to explain,
the bill rests on the ledger's journal alone.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from router.database import DatabaseError
from router.decisions.entry import Entry, Refused, refused_words, row_of
from router.decisions.store import DecisionStore

_LOG: Final = logging.getLogger("turnout")
PAUSE_SECONDS: Final = 1.0
MOST_WAITING: Final = 20_000  # entries, and as many crowds of denials
MOST_IDS: Final = 100  # of the requests that a crowd stands for
_PRUNE_MS: Final = 60_000
Keeps = Literal["all", "denied", "off"]
Line = dict[str, Any]


@dataclass(slots=True)
class Crowd:
    """Denials of one second that are alike: the first, how many, the ids of others. `line` is the
    first one's for the decision log, where there is one.
    """

    first: Entry
    refused: Refused
    line: Line | None
    count: int = 1
    ids: list[str] = field(default_factory=list)

    def told(self) -> Line | None:
        """The line for the decision log, with what was refused and how often."""
        if self.line is None:
            return None
        refused = refused_words(self.refused)
        return self.line | {"refused": refused | {"count": self.count, "ids": self.ids}}


_Alike = tuple[str, str, str, str, str]


class DecisionRecorder:
    """Where decisions are kept; `keeps` says which, for `keep_seconds`. `log` takes the lines of
    denials. `lost` counts what was dropped.
    """

    def __init__(
        self,
        store: DecisionStore,
        *,
        keeps: Keeps = "all",
        keep_seconds: float = 7 * 86_400.0,
        log: Callable[[Line], None] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.store = store
        self.keeps = keeps
        self.lost = 0
        self._keep_ms = int(1_000 * keep_seconds)
        self._log = log
        self._sleep = sleep
        self._entries: list[Entry] = []
        self._crowds: dict[_Alike, Crowd] = {}
        self._task: asyncio.Task[None] | None = None
        self._failing = False
        self._pruned_ms = 0

    def add(self, entry: Entry) -> None:
        """Keep a request that was not denied, soon."""
        if len(self._entries) < MOST_WAITING:
            self._entries.append(entry)
        else:
            self.lost += 1

    def deny(self, entry: Entry, refused: Refused, line: Callable[[], Line] | None) -> None:
        """Keep a request that was denied, together with those like it; `line` is asked for the
        first one's line of the decision log.
        """
        by = entry.principal
        who = ("", "") if by is None else (by.organization, by.key_id)
        alike = (*who, refused.limit, refused.level, refused.tier)
        crowd = self._crowds.get(alike)
        if crowd is not None:
            crowd.count += 1
            if len(crowd.ids) < MOST_IDS:
                crowd.ids.append(entry.id)
        elif len(self._crowds) < MOST_WAITING:
            first = None if line is None or self._log is None else line()
            self._crowds[alike] = Crowd(entry._replace(refused=refused), refused, first)
        else:
            self.lost += 1

    def start(self) -> None:
        """Begin storing."""
        self._task = asyncio.create_task(self._run(), name="decision recorder")

    async def flush(self) -> None:
        """Store what waits now."""
        entries, self._entries = self._entries, []
        crowds, self._crowds = self._crowds, {}
        if self._log is not None:
            for crowd in crowds.values():
                line = crowd.told()
                if line is not None:
                    self._log(line)
        if self.keeps == "off" or not (entries or crowds):
            return
        try:
            await asyncio.to_thread(self._add, entries, list(crowds.values()))
        except DatabaseError as error:
            self._missing(len(entries) + len(crowds), error)
        else:
            self._failing = False

    async def close(self) -> None:
        """Store what waits, and stop."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self.flush()

    def _add(self, entries: Sequence[Entry], crowds: Sequence[Crowd]) -> None:
        rows = [row_of(entry) for entry in entries]
        rows += [row_of(crowd.first, crowd.count, crowd.ids) for crowd in crowds]
        self.store.add(rows)

    def _missing(self, rows: int, error: DatabaseError) -> None:
        self.lost += rows
        if not self._failing:
            _LOG.warning("decisions are not kept in the database for now: %s", error)
        self._failing = True

    async def _run(self) -> None:
        while True:
            await self._sleep(PAUSE_SECONDS)
            await self.flush()
            await self._prune(time.time_ns() // 1_000_000)

    async def _prune(self, now_ms: int) -> None:
        """Forget what is too old, once a minute."""
        if now_ms - self._pruned_ms < _PRUNE_MS:
            return
        self._pruned_ms = now_ms
        with contextlib.suppress(DatabaseError):  # the next time
            while await asyncio.to_thread(self.store.prune, now_ms - self._keep_ms):
                await self._sleep(0)
