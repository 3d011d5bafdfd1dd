"""What faults have in common: the scene that they play in, and how it is watched."""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final

from router.drills.clients import Caller, Note
from router.drills.findings import FaultFindings
from router.drills.matching import bounds_of
from router.drills.processes import DrillGateway, until
from router.drills.stack import DrillStack

PATIENCE_SECONDS: Final = 30.0
_TOLD_SECONDS: Final = 5.0  # until /readyz tells what is missing
AWAY_SECONDS: Final = 2.0  # how long a part stays away, at least
_UNAVAILABLE: Final = 503
_LEDGER_AWAY: Final = "ledger_unavailable"


class NotRun(Exception):
    """A fault cannot be caused here; the text says why."""


@dataclass(slots=True)
class Scene:
    """One fault's part of the drill: the stack, its own customers, what is found.

    `callers` are served as a rule; `requests` is how many each of them sends at least.
    """

    stack: DrillStack
    findings: FaultFindings
    callers: Sequence[Caller]
    requests: int
    busiest: str  # the backend that serves most

    @property
    def gateways(self) -> Sequence[DrillGateway]:
        """Both gateways."""
        return self.stack.gateways

    @property
    def roomiest(self) -> Caller:
        """The customer with the widest limits."""

        def room(caller: Caller) -> tuple[float, float]:
            bounds = bounds_of(self.stack.tiers[caller.tier], gateways=0, away=False)
            return bounds.at_once or math.inf, bounds.per_minute or math.inf

        return max(self.callers, key=room)

    def notes(self) -> list[Note]:
        """The notes of this fault's customers."""
        mine = {caller.organization for caller in self.callers}
        return [note for note in self.stack.clients.notes if note.organization in mine]

    def busy(self) -> AbstractAsyncContextManager[None]:
        """Customers send all the time while the block runs."""
        return self.stack.clients.busy(self.callers, self.requests)

    async def is_told(self, what: str) -> None:
        """Both gateways say 503 on /readyz, soon: that is a promise."""
        took = [await self._status(each, _UNAVAILABLE, _TOLD_SECONDS) for each in self.gateways]
        figure = "never" if None in took else f"within {max(filter(None, took), default=0):.1f} s"
        self.findings.promise(f"/readyz says 503 while {what}", figure, kept=None not in took)

    async def _status(self, gateway: DrillGateway, status: int, seconds: float) -> float | None:
        async def says() -> bool:
            return (await gateway.readiness())[0] == status

        return await until(says, seconds)

    async def comes_back(self, mended: float) -> None:
        """After the mending, gateways are ready and a request is served: that is a promise."""
        ready = [await self._status(each, 200, PATIENCE_SECONDS) for each in self.gateways]

        async def served() -> bool:
            # A limit that is used up is an answer of the ledger, too.
            asked = [await self.stack.clients.ask(caller) for caller in self.callers]
            return any(note.whole or note.status == 429 for note in asked)

        took = await until(served, PATIENCE_SECONDS, 0.1)
        kept = took is not None and None not in ready
        recovered = int((time.monotonic() - mended) * 1000)
        self.findings.recovered_ms = recovered if kept else None
        figure = f"after {recovered / 1000:.1f} s" if kept else "never"
        text = "once it is mended, gateways are ready and serve by themselves"
        self.findings.promise(text, figure, kept=kept)

    def judge_away(self, down: float, mended: float) -> None:
        """What tiers got between two instants while the ledger was away, beside their policy."""
        meanwhile = [n for n in self.notes() if n.began > down and n.over < mended]
        for caller in self.callers:
            mine = [note for note in meanwhile if note.tier == caller.tier]
            share = self.stack.tiers[caller.tier].outage_share
            served = sum(note.admitted for note in mine)
            refused = Counter(note.code or "no answer" for note in mine if not note.admitted)
            words = ", ".join(f"{count} x {code}" for code, count in refused.most_common(3))
            named = f"tier `{caller.tier}`" if caller.tier else "keys"
            if share is None:
                text = f"{named} (`outage: closed`): nothing is served while the ledger is away"
                figure = f"{served} served, refused: {words or 'none'}"
                self.findings.promise(text, figure, kept=served == 0)
            else:
                said = f"{named} (`bounded: {share:g}`): {served} served while the ledger was away"
                self.findings.notes.append(f"{said}; refused: {words or 'none'}")

    async def streams(self, count: int, gateways: Sequence[DrillGateway]) -> "OpenStreams":
        """Open so many long streams of each customer, and wait until answers begin."""
        opened = OpenStreams(self)
        for caller in self.callers:
            for number in range(count):
                opened.ask(caller, gateways[number % len(gateways)])
        await opened.begun()
        return opened


class OpenStreams:
    """Long streams that are being read."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._before = len(scene.stack.clients.notes)
        self._tasks: list[asyncio.Task[Note]] = []

    def ask(self, caller: Caller, gateway: DrillGateway) -> None:
        """Open one more."""
        asking = self._scene.stack.clients.ask(caller, gateway, stream=True, tokens=150)
        self._tasks.append(asyncio.create_task(asking))

    async def begun(self) -> None:
        """Wait until each has a head, or was refused."""
        notes = self._scene.stack.clients.notes

        async def all_begun() -> bool:
            mine = [note for note in notes[self._before :] if note.stream and note.status]
            return len(mine) >= len(self._tasks) or all(task.done() for task in self._tasks)

        await until(all_begun, _TOLD_SECONDS, 0.01)

    async def ended(self) -> list[Note]:
        """Wait for all ends; return their notes."""
        return list(await asyncio.gather(*self._tasks))
