"""The ledger: what every customer may spend, kept in Valkey by scripts that take all or nothing.

    reserve (round trip 1)  ->  serve, with heartbeats  ->  settle (round trip 2, nobody waits)

What a killed gateway leaves open is closed by the reaper when its lease ends. While the ledger is
away a request is refused, or served from its tier's declared allowance and settled later.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final, Self

from router.domain import Charge
from router.errors import LedgerUnavailable
from router.ledger.check.check import LedgerCheck
from router.ledger.check.expected import TIERS_ALONE, Calendars, Tiers
from router.ledger.check.totals import UsageTotals
from router.ledger.conversations import Conversations
from router.ledger.credits import Balance, add_credit
from router.ledger.heartbeats import Heartbeats
from router.ledger.hold import Hold, HoldService
from router.ledger.journal import JournalStreams
from router.ledger.keys import shard, user_hash
from router.ledger.ledger_clock import LedgerClock
from router.ledger.long_holds import LongHolds
from router.ledger.once import Once
from router.ledger.outage import Outage
from router.ledger.quotas.dimensions import Quota
from router.ledger.reaper import Reaper
from router.ledger.reserve import Admissions
from router.ledger.reserve_call import ReserveCalls
from router.ledger.reserve_request import ReserveRequest
from router.ledger.server.address import LedgerAddress, parse_address
from router.ledger.server.demands import USUAL, Durability
from router.ledger.server.durability import DurabilityCheck
from router.ledger.server.errors import Disconnected, ErrorReply
from router.ledger.server.nodes import Nodes
from router.ledger.server.scripts import Script
from router.ledger.server.server_clocks import MACHINE, MachineTime
from router.ledger.server.startup import SHARDS, LedgerMeta, check_node
from router.ledger.settle import Settlements
from router.ledger.shares import IDLE_MS, LEASE_MS, Shares
from router.ledger.spool import Spool, SpoolThread
from router.ledger.used import Used, Whose, used_of
from router.ledger.watch import Books, LedgerWatch

_DRAIN_SECONDS: Final = 5.0


class Ledger:
    """The ledger as one gateway process uses it. Make it with `connect`."""

    def __init__(
        self,
        address: LedgerAddress,
        nodes: Nodes,
        meta: LedgerMeta,
        *,
        lease_ms: int,
        users_per_day: int,
        spool: Spool | None,
        remember_denials: bool = True,
        machine: MachineTime = MACHINE,
    ) -> None:
        shards = [shard(number) for number in range(meta.shards)]
        self._address = address
        self._nodes = nodes
        self._shards = shards
        self._spool = SpoolThread(spool)
        self._secret = meta.secret
        self._epoch = hashlib.blake2b(meta.secret, digest_size=8).hexdigest()
        self._calls = ReserveCalls(meta, shards, lease_ms, users_per_day, machine.now_ns)
        self._beats = Heartbeats(nodes, lease_ms)
        self._reaper = Reaper(nodes, shards, lease_ms)
        loop = asyncio.get_running_loop()
        outage = Outage(lambda: int(1000 * loop.time()))
        self._settlements = Settlements(nodes, self._beats, outage, self._spool)
        self._admissions = Admissions(
            nodes,
            self._calls,
            self._settlements,
            self._beats,
            outage,
            lease_ms=lease_ms,
            remember_denials=remember_denials,
        )
        self._service = HoldService(
            self._admissions.reserve,
            self._settlements.settle,
            self._admissions.top_up,
            self._beats.renew_soon,
        )
        self._reasserting: set[asyncio.Task[None]] = set()

    @classmethod
    async def connect(
        cls,
        url: str,
        *,
        command_seconds: float = USUAL.budget,
        durability: Durability = "accept",
        lease_ms: int = 15_000,
        users_per_day: int = 100_000,
        spool: Path | None = None,
        scripts: Mapping[str, Script] | None = None,
        remember_denials: bool = True,
        machine: MachineTime = MACHINE,
    ) -> Self:
        """Connect to the ledger at `url` (see router.ledger.server.address); check it is fit.

        `command_seconds`: what a reserve may take, a second try included, of the server's time:
        not of ours. `durability`: what becomes of a server that may lose what it keeps.
        `lease_ms`: how long a hold outlives its gateway. `users_per_day`: distinct end users that
        an organization may bring a day before further ones share one scope. `spool`: a folder for
        settlements that the ledger did not take; without one, no tier is served while the ledger
        is away. `remember_denials`: whether a key that was just denied is denied from memory for a
        moment (router.ledger.denial_cache); without, every request asks the ledger (for drills).
        Raises LedgerUnavailable where nobody answers, StartupError where the server must be set up
        otherwise, AddressError for a URL that cannot be read.
        """
        address, meta = parse_address(url), LedgerMeta()
        check = partial(
            check_node, address=address, meta=meta, durability=DurabilityCheck(durability, address)
        )
        new = partial(Nodes, address, command_seconds, SHARDS, check)
        nodes = await _open(new(scripts=scripts, machine=machine, spool=spool))
        ledger = cls(
            address,
            nodes,
            meta,
            lease_ms=lease_ms,
            users_per_day=users_per_day,
            spool=Spool(spool) if spool is not None else None,
            remember_denials=remember_denials,
            machine=machine,
        )
        nodes.on_restart = ledger.restarted
        ledger.adopt()
        return ledger

    def hold(self, request: ReserveRequest, charge: Callable[[], Charge]) -> Hold:
        """Return the block in which a request is served; entering it reserves, leaving settles.

        `charge` is asked at each heartbeat (progress) and once at the end (actual).
        """
        return Hold(self._service, request, charge)

    async def ping(self) -> bool:
        """Whether every node answers now."""
        try:
            pings = [node.call("PING") for node in self._nodes.connections()]
            replies = await asyncio.gather(*pings)
        except Disconnected:
            return False
        return bool(replies) and not any(isinstance(reply, ErrorReply) for reply in replies)

    @property
    def connected(self) -> bool:
        """Whether every node is connected, as far as this process knows."""
        return all(node.ready for node in self._nodes.connections())

    @property
    def counts(self) -> Mapping[str, int]:
        """What this process saw, for its metrics."""
        return {
            "open": len(self._beats),
            "unsettled": len(self._settlements),
            "settled": self._settlements.settled,
            "adjusted": self._settlements.adjusted,
            "recharged": self._settlements.recharged,
            "spool_failures": self._spool.failures,
            "spool_odd_lines": self._spool.odd,
            "reaped": self._reaper.reaped,
            "leases_lost": self._beats.lost,
            "served_locally": self._admissions.served_locally,
            "denied_from_memory": self._admissions.denied_from_memory,
        }

    def written(self) -> int:
        """How many rows of the journal this process has written."""
        counts = self.counts
        return counts["settled"] + counts["adjusted"] + counts["reaped"]

    async def settled(self, seconds: float = _DRAIN_SECONDS) -> bool:
        """Wait until everything served so far is settled; false where that took too long."""
        return await self._settlements.drain(seconds)

    async def reap(self) -> int:
        """Close the leases that have run out, now; returns how many."""
        return await self._reaper.sweep()

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
        """The usage journal, for its one reader."""
        return JournalStreams(self._nodes, self._shards, self._calls.process)

    def conversations(self) -> Conversations:
        """What this process remembers of conversations, shared with the others."""
        return Conversations(self._nodes, self._shards)

    def once(self) -> Once:
        """What all gateways of this ledger do once between them."""
        return Once(self._nodes, self._shards)

    def now(self) -> int:
        """The ledger's time in Unix milliseconds, as far as this process knows."""
        return self._calls.now()

    def shares(self, *, lease_ms: int = LEASE_MS, idle_ms: int = IDLE_MS) -> Shares:
        """Slots of backends, divided among tiers, for all gateways together. Close it before us."""
        return Shares(self._nodes, self._shards, lease_ms=lease_ms, idle_ms=idle_ms)

    def long_holds(self) -> LongHolds:
        """Holds that outlive this process: those of batches."""
        return LongHolds(self._nodes, self._shards, self._service, self._beats)

    def check(
        self, totals: UsageTotals, tiers: Tiers, calendars: Calendars = TIERS_ALONE
    ) -> LedgerCheck:
        """A comparison with the books, by the quotas of each tier, and the calendars that
        organizations have of their own."""
        return LedgerCheck(
            self._address, self._shards, totals, tiers, self._epoch, calendars=calendars
        )

    def clock(self) -> LedgerClock:
        """The ledger's time beside its server's clock."""
        return LedgerClock(self._nodes, self._shards)

    def watch(self, books: Books) -> LedgerWatch:
        """What notices that the ledger lost what it held. Close it before us."""
        return LedgerWatch(self._nodes, self._shards, books, epoch=self._epoch, now=self.now)

    @property
    def process(self) -> str:
        """How the ids of holds name this process."""
        return self._calls.process

    async def credit(self, organization: str, nano_usd: int, credit_id: str) -> Balance:
        """Add to an organization's prepaid balance, once for each `credit_id`.

        Raises Disconnected where the ledger does not answer: ask again with the same id.
        """
        return await add_credit(self._nodes, self._shards, organization, nano_usd, credit_id)

    async def used_of(self, asked: Iterable[tuple[Whose, Sequence[Quota]]]) -> list[list[Used]]:
        """What each of these has used of its quotas (`router.ledger.used`), for however many in one
        round trip. Raises Disconnected.
        """
        return await used_of(self._nodes, self._shards, asked, self.now(), self._secret)

    def pseudonym(self, user: str) -> str:
        """How usage names an end user: it means nothing outside this ledger."""
        return user_hash(user, self._secret)

    def abandon(self, hold: Hold) -> None:
        """Stop renewing a hold and never settle it, as a gateway that dies does (for drills)."""
        self._beats.remove(hold)

    def adopt(self) -> int:
        """Take over the settlements that dead processes left on disk; returns how many."""
        return self._settlements.adopt()

    def restarted(self) -> None:
        """A node came back as another process: send it again what it may have lost."""
        self._settlements.send_recent_again()
        task = asyncio.get_running_loop().create_task(self._reassert())
        self._reasserting.add(task)
        task.add_done_callback(self._reasserting.discard)

    async def _reassert(self) -> None:
        for hold in self._beats.live():
            call = hold.call.forced()
            with contextlib.suppress(Disconnected):
                await self._nodes.run("reserve", hold.shard.number, call.keys, call.args)
                await self._beats.renew([hold])


async def _open(nodes: Nodes) -> Nodes:
    try:
        await nodes.open()
    except OSError as error:
        await nodes.close()
        raise LedgerUnavailable(f"The ledger cannot be reached: {error}") from None
    except BaseException:
        await nodes.close()
        raise
    return nodes
