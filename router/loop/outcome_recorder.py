"""Decisions and outcomes on their way into SQL: gathered by requests, stored by one task."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Final

from router.database import DatabaseError
from router.loop.outcome_store import JudgedDecision, OutcomeStore, ScoredDecision
from router.loop.prompt_store import KeptPrompt, PromptStore

_LOG = logging.getLogger(__name__)
PAUSE_SECONDS: Final = 1.0
MOST_WAITING: Final = 20_000


class OutcomeRecorder:
    """Remembers decisions for later opinions, and opinions that bring their evidence along.

    It drops the oldest, counted in `lost`, where SQL cannot keep up. `prompts` is where prompts are
    kept, None where they are not.
    """

    def __init__(
        self,
        store: OutcomeStore,
        prompts: PromptStore | None = None,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._sleep = sleep
        self._store = store
        self._prompt_store = prompts
        self._prompts: list[KeptPrompt] = []
        self._decisions: list[ScoredDecision] = []
        self._outcomes: list[JudgedDecision] = []
        self._task: asyncio.Task[None] | None = None
        self.lost = 0

    def add(self, decision: ScoredDecision) -> None:
        """Remember a decision, soon; costs an append."""
        if len(self._decisions) >= MOST_WAITING:
            self.lost += len(self._decisions)
            self._decisions.clear()
        self._decisions.append(decision)

    @property
    def keeps_prompts(self) -> bool:
        """Whether the operator wants prompts kept."""
        return self._prompt_store is not None

    def add_prompt(self, prompt: KeptPrompt) -> None:
        """Remember what was asked, soon."""
        if len(self._prompts) < MOST_WAITING:
            self._prompts.append(prompt)

    def judge(self, decision: ScoredDecision, score: float, *, source: str, by: str) -> None:
        """Remember an opinion (0..1) of an answer, soon."""
        outcome = JudgedDecision(**asdict(decision), score=score, source=source, by=by)
        self._outcomes.append(outcome)

    def start(self) -> None:
        """Begin storing."""
        self._task = asyncio.create_task(self._run(), name="outcome recorder")

    async def flush(self) -> None:
        """Store what waits now."""
        decisions, self._decisions = self._decisions, []
        outcomes, self._outcomes = self._outcomes, []
        prompts, self._prompts = self._prompts, []
        if not decisions and not outcomes:
            return
        try:
            if self._prompt_store is not None:
                await asyncio.to_thread(self._prompt_store.remember, prompts)
            await asyncio.to_thread(self._store.remember, decisions)
            await asyncio.to_thread(self._store.add, outcomes)
        except DatabaseError:
            self.lost += len(decisions) + len(outcomes)
            _LOG.exception("outcomes could not be stored; feedback on them will not be known")

    async def close(self) -> None:
        """Store what waits, and stop."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self.flush()

    async def _run(self) -> None:
        while True:
            await self._sleep(PAUSE_SECONDS)
            await self.flush()
