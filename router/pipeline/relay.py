"""Upstream bytes to the client, metered; nothing is held back and nothing is parsed twice."""

from typing import Final

from policies.money import usd
from router.backends.dispatch.upstream import Put, Upstream
from router.backends.health.slots import Slot
from router.ledger.hold import Hold
from router.pipeline.caller import Caller
from router.pipeline.inquiry import Inquiry
from router.pipeline.meter import Meter
from router.pipeline.plan import Plan

_MOST_KEPT: Final = 1_000_000  # bytes
_QUOTA: Final = "the quota does not allow further output tokens"


def queue_headers(slot: Slot) -> tuple[tuple[str, str], ...]:
    """Return how a request waited for a scarce backend's slot."""
    return (
        ("x-turnout-queue-position", str(slot.position)),
        ("x-turnout-queue-ms", str(round(slot.waited * 1000))),
    )


class Relay:
    """One answer on its way to its caller."""

    __slots__ = ("_caller", "_hold", "_inquiry", "_plan", "kept")

    def __init__(self, caller: Caller, inquiry: Inquiry, plan: Plan, hold: Hold) -> None:
        self._caller = caller
        self._inquiry = inquiry
        self._plan = plan
        self._hold = hold
        self.kept = b""  # the answer, where the decision wants an audit

    async def deliver(self, upstream: Upstream, meter: Meter) -> None:
        """Deliver the answer.

        A plain answer carries its real cost in a header; a stream's head leaves before its cost is
        known, so it carries the expected one. Raises StreamBroken when the backend breaks off.
        """
        meter.serve(upstream)
        caller, request = self._caller, self._inquiry.request
        served_by = caller.backend = upstream.backend.name
        if upstream.slot is not None:
            caller.headers += queue_headers(upstream.slot)
        caller.headers += upstream.headers
        plain = not request.stream
        cost = meter.cost_pico() if plain else self._plan.expected_cost_pico(served_by, request)
        caller.headers += ("x-turnout-backend", served_by), ("x-turnout-cost-usd", usd(cost))
        if not plain:
            await self._stream(upstream)
            return
        if self._plan.decision.shadow is not None:
            self.kept = upstream.body
        await caller.send(upstream.body)

    async def _stream(self, upstream: Upstream) -> None:
        caller = self._caller
        keeps = self._plan.decision.shadow is not None
        await caller.start()
        put = None if keeps else self._putter(upstream)
        async for block in upstream.stream(put):
            if block:
                await caller.write(block)
            if keeps and len(self.kept) < _MOST_KEPT:
                self.kept += block
            if self._plan.topped_up and not await self._covered(upstream):
                await caller.write(upstream.cut(caller.id, _QUOTA))
                break
        await caller.end()

    def _putter(self, upstream: Upstream) -> Put:
        """What takes a block without waiting, where nothing but writing is to be done with it."""
        put, hold = self._caller.put, self._hold
        if not self._plan.topped_up:
            return put

        def covered(block: bytes) -> bool:
            safe = upstream.usage is not None or hold.covers(upstream.output_tokens_seen)
            return safe and put(block)

        return covered

    async def _covered(self, upstream: Upstream) -> bool:
        """Say whether the hold covers what was delivered; the answer that ended needs no more."""
        if upstream.usage is not None:
            return True
        return not self._hold.lost and await self._hold.cover(upstream.output_tokens_seen)
