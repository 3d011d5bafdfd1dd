"""The ledger: what every customer may spend, kept in Valkey by scripts that take all or nothing.

    reserve (round trip 1)  ->  serve, with heartbeats  ->  settle (round trip 2, nobody waits)

What a killed gateway leaves open is closed by the reaper when its lease runs out. While the ledger
is away a request is refused, or served from its tier's declared allowance and told later.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, Self

import hiredis

from router.domain import Charge
from router.errors import LedgerUnavailable, LimitExceeded
from router.ledger.answers import denial, rate_headers
from router.ledger.audit import Audit, Books
from router.ledger.breaker import Breaker
from router.ledger.calls import ReserveCalls
from router.ledger.connection import Disconnected, NotSent
from router.ledger.conversations import Conversations
from router.ledger.credits import Balance, add_credit
from router.ledger.denials import Denied
from router.ledger.dimensions import Quota
from router.ledger.heartbeats import Heartbeats
from router.ledger.hold import Hold
from router.ledger.journal import JournalStreams
from router.ledger.keys import shard
from router.ledger.nodes import Nodes
from router.ledger.outage import Outage
from router.ledger.plan import FIXED, NOTHING, output_price, pack_more, unpack_vector, wanted
from router.ledger.pools import Pools, read_pools
from router.ledger.reaper import Reaper
from router.ledger.scripts import Script
from router.ledger.settlement import Settlement
from router.ledger.settlements import Settlements
from router.ledger.shares import IDLE_MS, LEASE_MS, Shares
from router.ledger.spool import Spool
from router.ledger.startup import SHARDS, Founding, found
from router.ledger.ticket import Admission, Budget, Ticket

_DENIED, _STALE, _GONE = 1, -2, -3
_NOW: Final = 6
_ON_THE_PATH: Final = ("reserve", "settle", "topup")
_DRAIN_SECONDS: Final = 5.0
_TOP_UP_SECONDS: Final = 1.0


class Ledger:
    """The ledger as one gateway process uses it. Make it with `connect`."""

    def __init__(
        self,
        nodes: Nodes,
        founding: Founding,
        *,
        lease_ms: int,
        users_per_day: int,
        spool: Spool | None,
    ) -> None:
        shards = [shard(number) for number in range(founding.shards)]
        self._nodes = nodes
        self._shards = shards
        self._lease_ms = lease_ms
        self._calls = ReserveCalls(founding, shards, lease_ms, users_per_day)
        self._outage = Outage(lambda: time.monotonic_ns() // 1_000_000)
        self._breaker = Breaker(time.monotonic)
        self._beats = Heartbeats(nodes, lease_ms)
        self.beat_soon = self._beats.soon  # a hold asks for it
        self._reaper = Reaper(nodes, shards, lease_ms)
        self._settlements = Settlements(nodes, spool, self._outage.told)
        self._reasserting: set[asyncio.Task[None]] = set()
        self.served_locally = 0
        self.denied_from_memory = 0

    @classmethod
    async def connect(
        cls,
        url: str,
        *,
        command_seconds: float | None = None,
        lease_ms: int = 15_000,
        users_per_day: int = 100_000,
        spool: Path | None = None,
        scripts: Mapping[str, Script] | None = None,
    ) -> Self:
        """Connect to the ledger at `url` (see router.ledger.address) and check that it is fit.

        `command_seconds`: what a reserve may take; by default 0.05, and 0.25 on a unix socket,
        where the server shares the machine's cores with everything else. `lease_ms`: how long a
        hold outlives its gateway. `users_per_day`: distinct end users that an organization may
        bring a day before further ones share one scope. `spool`: a folder for what the ledger could
        not be told; without one, no tier is served while the ledger is away. Raises
        LedgerUnavailable where nobody answers, StartupError where the server must be set up
        otherwise, AddressError for a URL that cannot be read.
        """
        founding = Founding()
        budget = command_seconds or (0.25 if url.startswith("unix:") else 0.05)
        check = partial(found, founding=founding)
        nodes = Nodes(url, timeout=budget, shards=SHARDS, scripts=scripts, check=check)
        await _open(nodes)
        kept = Spool(spool) if spool is not None else None
        ledger = cls(nodes, founding, lease_ms=lease_ms, users_per_day=users_per_day, spool=kept)
        nodes.on_restart = ledger.restarted
        ledger.adopt()
        return ledger

    def hold(self, ticket: Ticket, charge: Callable[[], Charge]) -> Hold:
        """Return the block in which a request is served; entering it reserves, leaving settles.

        `charge` is asked at each heartbeat (progress) and once at the end (actual).
        """
        return Hold(self, ticket, charge)

    async def ping(self) -> bool:
        """Whether every node answers now."""
        try:
            asked = [node.call("PING") for node in self._nodes.connections()]
            replies = await asyncio.gather(*asked)
        except Disconnected:
            return False
        return bool(replies) and not any(isinstance(r, hiredis.ReplyError) for r in replies)

    @property
    def connected(self) -> bool:
        """Whether every node is connected, as far as this process knows."""
        return all(node.ready for node in self._nodes.connections())

    @property
    def commands_sent(self) -> int:
        """Commands sent so far on the path of requests: what an assertion of round trips counts."""
        return sum(self._nodes.calls[name] for name in _ON_THE_PATH)

    @property
    def counts(self) -> Mapping[str, int]:
        """What this process saw, for its metrics."""
        return {
            "open": len(self._beats),
            "unsettled": len(self._settlements),
            "settled": self._settlements.settled,
            "adjusted": self._settlements.adjusted,
            "recharged": self._settlements.recharged,
            "spool_failures": self._settlements.spool_failures,
            "reaped": self._reaper.reaped,
            "leases_lost": self._beats.lost,
            "served_locally": self.served_locally,
            "denied_from_memory": self.denied_from_memory,
        }

    async def settled(self, seconds: float = _DRAIN_SECONDS) -> bool:
        """Wait until everything served so far is settled; false where that took too long."""
        return await self._settlements.drain(seconds)

    async def reap(self) -> int:
        """Close the leases that have run out, now; returns how many."""
        return await self._reaper.sweep()

    async def beat(self) -> None:
        """Send the heartbeats of every hold of this process, now."""
        for hold in self._beats.live():
            await self._beats.renew([hold])

    def on_disk(self) -> None:
        """Block until what is on its way to the spool is there."""
        self._settlements.on_disk()

    @property
    def spool_path(self) -> Path:
        """The file of this process's spool. Raises LookupError where it has none."""
        return self._settlements.spool_path()

    async def close(self) -> None:
        """Wait until what was served is settled (at most five seconds), then disconnect.

        What could not be settled stays in the spool for the next process.
        """
        await self._beats.close()
        await self._reaper.close()
        for task in self._reasserting:
            task.cancel()
        await self._settlements.drain(_DRAIN_SECONDS)
        await self._settlements.close()
        await self._nodes.close()

    def journal(self) -> JournalStreams:
        """The usage journal, for whoever stores it."""
        return JournalStreams(self._nodes, self._shards, self._calls.process)

    def conversations(self) -> Conversations:
        """What this process remembers of conversations, shared with the others."""
        return Conversations(self._nodes, self._shards)

    def now(self) -> int:
        """The ledger's time in Unix milliseconds, as far as this process knows."""
        return self._calls.now()

    def shares(self, *, lease_ms: int = LEASE_MS, idle_ms: int = IDLE_MS) -> Shares:
        """Slots of backends, divided among tiers, for all gateways together. Close it before us."""
        return Shares(self._nodes, self._shards, lease_ms=lease_ms, idle_ms=idle_ms)

    def audit(self, books: Books) -> Audit:
        """Reconciling with the stored usage."""
        return Audit(self._nodes, self._shards, books)

    async def credit(self, organization: str, nano_usd: int, credit_id: str) -> Balance:
        """Add to an organization's prepaid balance, once for each `credit_id`.

        Raises Disconnected where the ledger does not answer: ask again with the same id.
        """
        return await add_credit(self._nodes, self._shards, organization, nano_usd, credit_id)

    async def pools(self, organization: str, key_id: str, quotas: Sequence[Quota]) -> Pools:
        """What an organization's pools and leases hold now. Raises Disconnected."""
        return await read_pools(self._nodes, self._shards, organization, key_id, quotas)

    def abandon(self, hold: Hold) -> None:
        """Stop renewing a hold and never settle it, as a gateway that dies does (for drills)."""
        self._beats.remove(hold)

    async def disturb(self, *command: str) -> None:
        """Send a command to every node, for drills: SCRIPT FLUSH, CLIENT PAUSE, CLIENT KILL."""
        for node in self._nodes.connections():
            await node.ask(*command)

    def adopt(self) -> int:
        """Take over what dead processes could not tell the ledger; returns how many settlements."""
        return self._settlements.adopt()

    def restarted(self) -> None:
        """A node came back as another process: tell it again what it may have lost."""
        self._settlements.tell_again()
        task = asyncio.get_running_loop().create_task(self._reassert())
        self._reasserting.add(task)
        task.add_done_callback(self._reasserting.discard)

    # What a hold calls.

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

    async def _reassert(self) -> None:
        for hold in self._beats.live():
            call = hold.call.forced()
            with contextlib.suppress(Disconnected):
                await self._nodes.run("reserve", hold.shard.number, call.keys, call.args)
                await self._beats.renew([hold])


async def _open(nodes: Nodes) -> None:
    try:
        await nodes.open()
    except (OSError, hiredis.HiredisError) as error:
        await nodes.close()
        raise LedgerUnavailable(f"The ledger cannot be reached: {error}") from None
    except BaseException:
        await nodes.close()
        raise


def _unavailable() -> LedgerUnavailable:
    return LedgerUnavailable(
        "The usage ledger does not answer, and this tier may not be served without it."
        " Please try again.",
        headers=(("retry-after", "1"),),
    )
