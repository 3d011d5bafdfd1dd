"""What the loop's modules are tested with: time that passes at once, and evidence."""

import asyncio
from dataclasses import replace

from router.loop.outcome_store import JudgedDecision, ScoredDecision

DECISION = ScoredDecision(
    decision=f"{1:032x}",
    at=1_000,
    organization="acme",
    route="auto",
    backend="cheap",
    ability="moe",
    predicted=0.8,
    classifier="swift-1",
    z=b"\0" * 8,
    embedding=b"\1" * 12,
)


def decision(number: int, **changes: object) -> ScoredDecision:
    return replace(DECISION, decision=f"{number:032x}", at=number, **changes)


def judged(number: int, score: float, by: str = "key_1", **changes: object) -> JudgedDecision:
    fields = {name: getattr(DECISION, name) for name in ScoredDecision.__dataclass_fields__}
    fields |= {"decision": f"{number:032x}", "at": number, **changes}
    return JudgedDecision(**fields, score=score, source="feedback", by=by)


class Ticks:
    """A `sleep` that ends when the test says so; what was asked for is kept."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self._waiting = asyncio.Event()
        self._tick = asyncio.Event()

    async def __call__(self, seconds: float) -> None:
        self.asked.append(seconds)
        self._waiting.set()
        await self._tick.wait()
        self._tick.clear()

    async def pass_once(self) -> None:
        """Let one sleep end, and wait until whoever slept has done its work and sleeps again."""
        await self._waiting.wait()
        self._waiting.clear()
        self._tick.set()
        await self._waiting.wait()
