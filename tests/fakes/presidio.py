"""Presidio in this process: it knows one name, and does what a text asks of it."""

import asyncio
import re
from collections.abc import Sequence

from policies.pii.found import Found
from router.presidio.process import Died, Raised


class FakePool:
    """`asked` are the frames so far. While `held` is set to an event, answers wait for it."""

    def __init__(self) -> None:
        self.living = 1
        self.deaths = 0
        self.asked: list[list[str]] = []
        self.held: asyncio.Event | None = None

    async def ask(self, texts: Sequence[str]) -> list[list[Found]]:
        """Return where the name stands. Raises as texts ask for it."""
        self.asked.append(list(texts))
        if self.held is not None:
            await self.held.wait()
        if any("[die]" in text for text in texts):
            raise Died("its process ended")
        if any("[raise]" in text for text in texts):
            raise Raised("ValueError")
        return [
            [Found(one.start(), one.end(), "person") for one in re.finditer("Jane Doe", text)]
            for text in texts
        ]

    async def close(self) -> None:
        """End."""
        self.living = 0
