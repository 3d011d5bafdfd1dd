"""Where holds are made and ended: admission, top-ups and settlement, and what is done instead while
the ledger is away.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Final

import hiredis

from router.errors import LedgerUnavailable, LimitExceeded, retry_after
from router.ledger.calls import ReserveCalls
from router.ledger.denial_cache import Denied
from router.ledger.heartbeats import Heartbeats
from router.ledger.hold import Hold
from router.ledger.outage import Outage
from router.ledger.quotas.compiled_quotas import (
    FIXED,
    NOTHING,
    output_price,
    pack_more,
    unpack_vector,
    wanted,
)
from router.ledger.rate_limit_headers import denial, rate_headers
from router.ledger.reserve_request import Admission, Budget
from router.ledger.server.breaker import Breaker
from router.ledger.server.connection import Disconnected, NotSent
from router.ledger.server.nodes import Nodes
from router.ledger.settlement import Settlement
from router.ledger.settlements import Settlements

_DENIED, _STALE, _GONE = 1, -2, -3
_NOW: Final = 6
_TOP_UP_SECONDS: Final = 1.0


class Desk:
    """What a hold asks of its ledger (hold.Keeper). Counts the requests that were served while the
    ledger was away, and those that were denied from memory.
    """

    def __init__(
        self,
        nodes: Nodes,
        calls: ReserveCalls,
        settlements: Settlements,
        beats: Heartbeats,
        outage: Outage,
        *,
        lease_ms: int,
    ) -> None:
        self._nodes = nodes
        self._calls = calls
        self._settlements = settlements
        self._beats = beats
        self._outage = outage
        self._lease_ms = lease_ms
        self._breaker = Breaker(time.monotonic)
        self.beat_soon = beats.soon
        self.served_locally = 0
        self.denied_from_memory = 0

    async def reserve(self, hold: Hold) -> Hold:
        """Reserve for a hold, and return it: one round trip.

        Raises LimitExceeded or LedgerUnavailable.
        """
        self._calls.prepare(hold)
        denied = hold.customer.denied
        if denied is not None:
            self._deny_again(hold, denied)
        if not self._breaker.allows():
            return await self._serve_locally(hold)
        call = hold.call
        try:
            reply = await self._nodes.send("reserve", hold.shard.number, call.keys, call.args)
            if type(reply) is not bytes:
                reply = await self._ask_again(hold, reply)
        except (asyncio.CancelledError, Disconnected) as error:
            return await self._unanswered(hold, error)
        self._breaker.succeeded()
        plan = call.plan
        if type(reply) is not bytes:
            reply = self._not_made(hold, reply)
        hold.admission = Admission(rate_headers(plan, plan.read(reply)), Budget(plan, reply))
        self._beats.add(hold)
        return hold

    def settle(self, hold: Hold) -> None:
        """Settle a hold: written now, acknowledged later."""
        self._beats.remove(hold)
        hold.customer.denied = None  # what it gives back may be what somebody waits for
        status, used, payload = hold.bill()
        if hold.local is not None:
            self._outage.settle(hold.call.plan, hold.local, hold.scopes(), unpack_vector(used))
        self._settlements.settle(Settlement(hold.shard, hold.rid, status, used, payload, hold.call))

    async def top_up(self, hold: Hold, output_tokens: int) -> bool:
        """Hold for more output: one round trip. False where a limit or a lost lease refuses."""
        shard, price = hold.shard, output_price(hold.ticket.estimate)
        keys = (shard.holds, shard.clock)
        args = (hold.rid, self._lease_ms, pack_more(output_tokens, output_tokens * price))
        try:
            reply = await self._nodes.run(
                "topup", shard.number, keys, args, seconds=_TOP_UP_SECONDS
            )
        except Disconnected:
            return True
        hold.lost = hold.lost or (reply[0] == _GONE and hold.local is None)
        return reply[0] == 0 or hold.local is not None

    # Inside.

    def _deny_again(self, hold: Hold, denied: Denied) -> None:
        """Deny from memory what was just denied. Raises LimitExceeded."""
        now = time.monotonic_ns() // 1_000_000
        if denied.denies(hold.ticket.estimate, now):
            self.denied_from_memory += 1
            raise self._denial(hold, denied.reply_at(now))

    def _not_made(self, hold: Hold, reply: Sequence[int]) -> bytes:
        """What is left, where the hold had been made before. Raises LimitExceeded."""
        if reply[0] == _DENIED:
            now = time.monotonic_ns() // 1_000_000
            hold.customer.denied = Denied.remember(reply, hold.ticket.estimate, now)
            raise self._denial(hold, reply)
        return hold.call.plan.write(*reply[FIXED:])

    @staticmethod
    def _denial(hold: Hold, reply: Sequence[int]) -> LimitExceeded:
        ticket = hold.ticket
        return denial(hold.call.plan, reply, ticket.route_or_model, ticket.principal.organization)

    async def _ask_again(self, hold: Hold, reply: Any) -> Any:
        """Ask in earnest after an error, which did nothing; then, if need be, with the calendar
        windows of the ledger's time instead of ours.
        """
        shard, call = hold.shard.number, hold.call
        if isinstance(reply, hiredis.ReplyError):
            reply = await self._nodes.run("reserve", shard, call.keys, call.args)
        if type(reply) is list and reply[0] == _STALE:
            ledger_now = int(reply[_NOW])
            self._calls.set_clock(ledger_now)
            call.plan.forget()
            call = hold.call = call.at(ledger_now)
            reply = await self._nodes.run("reserve", shard, call.keys, call.args)
        return reply

    async def _unanswered(self, hold: Hold, error: asyncio.CancelledError | Disconnected) -> Hold:
        """Undo what may have been reserved, and serve without the ledger where that is why."""
        if isinstance(error, asyncio.CancelledError):
            self._breaker.undecided()
            self._cancel(hold)
            raise error
        if isinstance(error, NotSent):
            self._breaker.undecided()
        else:
            self._breaker.failed()
            self._cancel(hold)
        return await self._serve_locally(hold)

    def _cancel(self, hold: Hold) -> None:
        """Undo a reserve that nobody knows to have happened."""
        self._settlements.settle(
            Settlement(hold.shard, hold.rid, "cancelled", NOTHING, b"{}", None)
        )

    async def _serve_locally(self, hold: Hold) -> Hold:
        """Admit from the tier's allowance, once that is on disk. Raises LedgerUnavailable."""
        ticket = hold.ticket
        want = wanted(ticket.estimate)
        if ticket.outage_share <= 0:
            raise _unavailable()
        local = self._outage.admit(hold.call.plan, hold.scopes(), want, ticket.outage_share)
        if local is None:
            raise _unavailable()
        self._calls.prepare(hold)  # a new id: the old one's reserve may yet turn out to have worked
        try:
            await self._settlements.admit_local(
                Settlement(hold.shard, hold.rid, "expired", hold.call.crash(), b"{}", hold.call)
            )
        except BaseException as error:
            self._outage.settle(hold.call.plan, local, hold.scopes(), unpack_vector(NOTHING))
            if isinstance(error, OSError):
                raise _unavailable() from None
            raise
        hold.local = local
        plan = hold.call.plan
        left = self._outage.left(plan, hold.scopes(), ticket.outage_share)
        hold.admission = Admission(rate_headers(plan, left), None)
        self.served_locally += 1
        return hold


def _unavailable() -> LedgerUnavailable:
    return LedgerUnavailable(
        "The usage ledger does not answer, and this tier may not be served without it."
        " Please try again.",
        headers=retry_after(1000),
    )
