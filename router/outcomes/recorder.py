"""Decisions on their way into SQL: gathered by the requests, stored by one task, off their path."""

import asyncio
import contextlib
import logging
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from router.outcomes.store import OutcomeStore, ScoredDecision

_LOG = logging.getLogger(__name__)
_PAUSE_SECONDS: Final = 1.0
_MOST_WAITING: Final = 20_000


class DecisionRecorder:
    """Remembers decisions for later opinions. Loses the oldest, counted, if SQL cannot keep up."""

    def __init__(self, store: OutcomeStore) -> None:
        self._store = store
        self._waiting: list[ScoredDecision] = []
        self._task: asyncio.Task[None] | None = None
        self.lost = 0

    def add(self, decision: ScoredDecision) -> None:
        """Remember a decision, soon; costs an append."""
        if len(self._waiting) >= _MOST_WAITING:
            self.lost += len(self._waiting)
            self._waiting.clear()
        self._waiting.append(decision)

    def start(self) -> None:
        """Begin storing."""
        self._task = asyncio.create_task(self._run(), name="decision recorder")

    async def flush(self) -> None:
        """Store what waits now."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        try:
            await asyncio.to_thread(self._store.remember, waiting)
        except SQLAlchemyError:
            self.lost += len(waiting)
            _LOG.exception("decisions could not be stored; feedback on them will not be known")

    async def close(self) -> None:
        """Store what waits, and stop."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self.flush()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_PAUSE_SECONDS)
            await self.flush()
