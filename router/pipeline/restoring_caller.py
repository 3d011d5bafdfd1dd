"""A caller whose answer is restored: placeholders become its own values again."""

import asyncio
from typing import Final

from policies.pii.placeholders import Placeholders
from router.pipeline.caller import Caller
from router.pipeline.passing_caller import PassingCaller
from router.protocols.restoring import StreamRestorer, restored_body

AT_ONCE: Final = 65_536  # bytes of an answer


class RestoringCaller(PassingCaller):
    """See `router.pipeline.caller.Caller`."""

    def __init__(self, caller: Caller, placeholders: Placeholders, stream: StreamRestorer) -> None:
        super().__init__(caller)
        self._placeholders = placeholders
        self._stream = stream

    async def write(self, data: bytes) -> None:
        """Send what can go on by now."""
        block = self._stream.feed(data)
        if block:
            await self._caller.write(block)

    async def end(self) -> None:
        """Send what was held back, and finish a stream."""
        block = self._stream.finish()
        if block:
            await self._caller.write(block)
        await self._caller.end()

    async def send(self, body: bytes, status: int = 200) -> None:
        """Send a whole answer; a long one is restored beside the event loop."""
        if len(body) > AT_ONCE:
            body = await asyncio.to_thread(restored_body, body, self._placeholders)
        else:
            body = restored_body(body, self._placeholders)
        await self._caller.send(body, status)
