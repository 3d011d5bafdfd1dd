"""Upstream bytes to the client, metered; nothing is held back and nothing is parsed twice."""

import asyncio
from contextlib import suppress
from typing import Final

from router.backends.dispatch.upstream import Put, Upstream
from router.errors import ReadTooSlowly, StreamBroken
from router.pipeline.caller import Caller
from router.pipeline.meter import Meter
from router.pipeline.plan import Plan
from router.pipeline.request_context import RequestContext
from router.pipeline.response_headers import of_answer
from router.pipeline.serving import Held
from router.pipeline.signals import likely_cost

_MOST_KEPT: Final = 1_000_000  # bytes
_TOO_SLOW: Final = "The answer was read so slowly that its time, `timeouts.total`, was over."
_QUOTA: Final = "the quota does not allow further output tokens"


class Relay:
    """One answer on its way to its caller."""

    __slots__ = ("_caller", "_context", "_hold", "_plan")

    def __init__(self, caller: Caller, context: RequestContext, plan: Plan, hold: Held) -> None:
        self._caller = caller
        self._context = context
        self._plan = plan
        self._hold = hold

    async def deliver(self, upstream: Upstream, meter: Meter) -> bytes | None:
        """Deliver the answer; return it where the decision wants an audit, else nothing.

        None: a quota ended it, so that what was delivered is not what the backend would have said.
        A plain answer carries its real cost in a header; a stream's head leaves before its cost is
        known, so it carries the expected one. Raises StreamBroken when the backend breaks off.
        """
        caller, context = self._caller, self._context
        if upstream.orphaned:
            await self._finish(upstream)
            raise asyncio.CancelledError
        ask = context.ask
        streamed = ask.stream and upstream.streamed  # what may be a stream need not be one
        served_by = caller.backend = upstream.backend.name
        caller.headers += upstream.headers
        cost = (
            likely_cost(context.world, served_by, ask, context.input_tokens)
            if streamed
            else meter.cost_pico()
        )
        caller.headers += of_answer(served_by, cost, upstream.slot)
        if upstream.content_type:
            caller.content_type = upstream.content_type
        if streamed:
            return await self._stream(upstream)
        if ask.declared is None:
            await caller.send(upstream.body)
        else:
            await caller.send(upstream.body, upstream.status)
        return b"" if self._plan.decision.shadow is None else upstream.body

    async def _stream(self, upstream: Upstream) -> bytes | None:
        caller, kept = self._caller, bytearray()
        keeps = self._plan.decision.shadow is not None
        if self._context.ask.declared is None:
            await caller.start()
        else:
            await caller.start(upstream.status)
        ends = asyncio.get_running_loop().time() + upstream.seconds_left
        put = None if keeps else self._putter(upstream)
        try:
            whole = await self._blocks(upstream, put, kept if keeps else None, ends)
        except asyncio.CancelledError:
            if upstream.backend.finishes:
                await self._finish(upstream)
            raise
        await caller.end()
        return bytes(kept) if whole else None

    async def _blocks(
        self, upstream: Upstream, put: Put | None, kept: bytearray | None, ends: float
    ) -> bool:
        """Write the blocks of a stream until it `ends`, and keep them where that is wanted; whether
        none is missing since a quota ended it."""
        caller = self._caller
        async for block in upstream.stream(put):
            if block and not caller.put(block):
                await self._write(block, ends)
            if kept is not None and len(kept) < _MOST_KEPT:
                kept += block
            if self._plan.topped_up and not await self._covered(upstream):
                await caller.write(upstream.cut(caller.id, _QUOTA))
                return False
        return True

    async def _finish(self, upstream: Upstream) -> None:
        """The client left: read the answer on for a while, so that its use is told."""
        with suppress(StreamBroken, TimeoutError):
            async with asyncio.timeout(upstream.backend.timeouts.after_disconnect):
                await upstream.finish(lambda: self._may_go_on(upstream))

    async def _may_go_on(self, upstream: Upstream) -> bool:
        return not self._plan.topped_up or await self._covered(upstream)

    async def _write(self, block: bytes, ends: float) -> None:
        """Write to a client that is behind: however slowly it reads, its answer has its time."""
        try:
            async with asyncio.timeout_at(ends):
                await self._caller.write(block)
        except TimeoutError:
            raise ReadTooSlowly(_TOO_SLOW) from None

    def _putter(self, upstream: Upstream) -> Put:
        """Return what writes a block without waiting, as far as the hold covers it."""
        put, hold = self._caller.put, self._hold
        if not self._plan.topped_up:
            return put

        def covered(block: bytes) -> bool:
            safe = upstream.usage is not None or hold.covers(upstream.output_tokens_seen)
            return safe and put(block)

        return covered

    async def _covered(self, upstream: Upstream) -> bool:
        """Return whether the hold covers what was delivered; an answer that ended needs no more."""
        if upstream.usage is not None:
            return True
        return not self._hold.lost and await self._hold.cover(upstream.output_tokens_seen)
