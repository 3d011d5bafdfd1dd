"""Round trip 1: a request is admitted, and its estimate held against all its quotas.

request -> call (reserve_call) -> one script -> Admission
                              denied -> LimitExceeded, remembered for a moment (denial_cache)
             connection lost, no answer -> sent once more, on the next one, within its budget
                        no answer -> undone later; served from an allowance (outage), or refused
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from router.errors import LedgerUnavailable, LimitExceeded, retry_after
from router.ledger.codec import (
    CANCELLED_STATUS,
    CODE,
    DENIED,
    EXPIRED_STATUS,
    FIXED,
    GONE,
    GRANTED,
    LIMIT,
    MANY_RUNS,
    NOTHING,
    NOW,
    STALE,
    VECTOR,
)
from router.ledger.denial_cache import Denied
from router.ledger.heartbeats import Heartbeats
from router.ledger.hold import Hold
from router.ledger.outage import Outage
from router.ledger.rate_limit_headers import denial, rate_headers, too_many_runs
from router.ledger.reserve_call import ReserveCalls
from router.ledger.reserve_request import Admission, Budget
from router.ledger.server.breaker import LedgerBreaker
from router.ledger.server.errors import Disconnected, ErrorReply, NotSent
from router.ledger.server.nodes import Nodes
from router.ledger.settle import Settlements
from router.ledger.settlement import Settlement
from router.ledger.vectors import pack_more_output, wanted

_TOP_UP_SECONDS: Final = 1.0


class Admissions:
    """Admits requests. Counts those that were served while the ledger was away, and those that were
    denied from memory.
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
        remember_denials: bool = True,
    ) -> None:
        self._nodes = nodes
        self._calls = calls
        self._settlements = settlements
        self._beats = beats
        self._outage = outage
        self._lease_ms = lease_ms
        self._remember_denials = remember_denials
        self._time = asyncio.get_running_loop().time
        self._breaker = LedgerBreaker(self._time)
        self.served_locally = 0
        self.denied_from_memory = 0

    async def reserve(self, hold: Hold) -> Hold:
        """Reserve for a hold, and return it: one round trip.

        Raises LimitExceeded or LedgerUnavailable.
        """
        self._prepare(hold)
        frame, call = hold.frame, hold.call
        if frame.denied is not None:
            self._deny_from_memory(hold, frame.denied)
        if not self._breaker.allows():
            return await self._serve_locally(hold)
        try:
            reply = await self._nodes.send("reserve", hold.shard.number, call.keys, call.args)
            if type(reply) is not bytes:
                reply = await self._ask_again(hold, reply)
        except (asyncio.CancelledError, Disconnected) as error:
            reply = await self._unanswered(hold, error)
            if reply is None:
                return await self._serve_locally(hold)
        self._breaker.succeeded()
        quotas = call.quotas
        if type(reply) is not bytes:
            reply = self._not_made(hold, reply)
        hold.admission = Admission(rate_headers(quotas, quotas.read(reply)), Budget(quotas, reply))
        self._beats.add(hold)
        return hold

    async def top_up(self, hold: Hold, output_tokens: int) -> bool:
        """Hold for more output: one round trip. False where a limit or a lost lease refuses."""
        shard = hold.shard
        more = pack_more_output(output_tokens, hold.request.estimate)
        keys, args = (shard.holds, shard.clock), (hold.hold_id, self._lease_ms, more)
        try:
            code, *_ = await self._nodes.run(
                "top_up", shard.number, keys, args, seconds=_TOP_UP_SECONDS
            )
        except Disconnected:
            return True
        hold.lost = hold.lost or (code == GONE and hold.local is None)
        return code == GRANTED or hold.local is not None

    def _prepare(self, hold: Hold) -> None:
        """Write the call that makes a hold, under a new id."""
        hold.hold_id, hold.frame, hold.call = self._calls.write(hold.request)
        hold.shard = hold.frame.home

    # Where the ledger did not simply admit.

    def _deny_from_memory(self, hold: Hold, denied: Denied) -> None:
        """Deny what was just denied, for as long as it is remembered. Raises LimitExceeded."""
        now = int(1000 * self._time())
        if denied.denies(hold.request.estimate, now):
            self.denied_from_memory += 1
            raise self._denial(hold, denied.reply_at(now))

    def _not_made(self, hold: Hold, reply: Sequence[int]) -> bytes:
        """What is left, where the hold had been made before. Raises LimitExceeded."""
        if reply[CODE] == MANY_RUNS:
            raise too_many_runs(hold.request.principal.organization, reply[LIMIT])
        if reply[CODE] == DENIED:
            if self._remember_denials:
                now = int(1000 * self._time())
                hold.frame.denied = Denied.remember(reply, hold.request.estimate, now)
            raise self._denial(hold, reply)
        return hold.call.quotas.write(*reply[FIXED:])

    @staticmethod
    def _denial(hold: Hold, reply: Sequence[int]) -> LimitExceeded:
        request = hold.request
        organization = request.principal.organization
        return denial(hold.call.quotas, reply, request.route_or_model, organization)

    async def _ask_again(self, hold: Hold, reply: Any) -> Any:
        """Ask again, patiently, after an error, which changed nothing; then, if need be, with the
        calendar windows of the ledger's time instead of ours.
        """
        shard, call = hold.shard.number, hold.call
        if isinstance(reply, ErrorReply):
            reply = await self._nodes.run("reserve", shard, call.keys, call.args)
        if type(reply) is list and reply[CODE] == STALE:
            ledger_now = int(reply[NOW])
            self._calls.set_clock(ledger_now)
            call.quotas.forget()
            call = hold.call = call.at(ledger_now)
            reply = await self._nodes.run("reserve", shard, call.keys, call.args)
        return reply

    async def _unanswered(self, hold: Hold, error: asyncio.CancelledError | Disconnected) -> Any:
        """The reply to the same call, sent once more where its connection was lost: the hold's id
        makes that safe. None where the ledger is away; what may have been reserved is then undone.
        """
        unsent = isinstance(error, NotSent)
        if isinstance(error, Disconnected) and error.until:
            try:
                return await self._once_more(hold, error)
            except (asyncio.CancelledError, Disconnected) as again:
                error, unsent = again, unsent and isinstance(again, NotSent)
        if isinstance(error, Disconnected) and not unsent:
            self._breaker.failed(error.sent)
        else:
            self._breaker.undecided()
        if not unsent:
            self._cancel(hold)
        if isinstance(error, asyncio.CancelledError):
            raise error
        return None

    async def _once_more(self, hold: Hold, lost: Disconnected) -> Any:
        """What the next connection says to the call that a lost one took with it."""
        shard, call = hold.shard.number, hold.call
        reply = await self._nodes.send_again(lost, "reserve", shard, call.keys, call.args)
        return reply if type(reply) is bytes else await self._ask_again(hold, reply)

    def _cancel(self, hold: Hold) -> None:
        """Undo a reserve whose outcome is unknown."""
        undone = Settlement(hold.shard, hold.hold_id, CANCELLED_STATUS, NOTHING, b"{}", None)
        self._settlements.send(undone)

    async def _serve_locally(self, hold: Hold) -> Hold:
        """Admit from the tier's allowance, once that is on disk. Raises LedgerUnavailable."""
        share, quotas, scopes = hold.request.outage_share, hold.call.quotas, hold.call.scopes()
        if share <= 0:
            raise _unavailable()
        local = self._outage.admit(quotas, scopes, wanted(hold.request.estimate), share)
        if local is None:
            raise _unavailable()
        self._prepare(hold)  # a new id: the old one's reserve may yet turn out to have worked
        crashed = Settlement(
            hold.shard, hold.hold_id, EXPIRED_STATUS, hold.call.crash_cost(), b"{}", hold.call
        )
        try:
            await self._settlements.admit_local(crashed)
        except BaseException as error:
            self._outage.settle(quotas, local, scopes, VECTOR.unpack(NOTHING))
            if isinstance(error, OSError):
                raise _unavailable() from None
            raise
        hold.local = local
        left = self._outage.left(quotas, scopes, share)
        hold.admission = Admission(rate_headers(quotas, left), None)
        self.served_locally += 1
        return hold


def _unavailable() -> LedgerUnavailable:
    return LedgerUnavailable(
        "The usage ledger does not answer, and this tier may not be served without it."
        " Please try again.",
        headers=retry_after(1000),
    )
