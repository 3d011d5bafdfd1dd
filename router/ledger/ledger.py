"""The ledger: what every customer may spend, kept in Valkey by scripts that take all or nothing.

    reserve (round trip 1)  ->  serve, with heartbeats  ->  settle (round trip 2, nobody waits)

What a killed gateway leaves open is closed by the reaper when its lease runs out.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Self

import hiredis
import orjson

from router.domain import Charge
from router.errors import LedgerUnavailable
from router.ledger.answers import denial, rate_headers
from router.ledger.breaker import Breaker
from router.ledger.connection import Connection, Disconnected
from router.ledger.heartbeats import Heartbeats
from router.ledger.hold import Hold
from router.ledger.keys import HoldIds, Shard, scope, shard, shard_of, user_hash
from router.ledger.nodes import Nodes
from router.ledger.plan import NOTHING, Plan, levels_present, pack_estimate
from router.ledger.scripts import Script
from router.ledger.settlements import Settlement, Settlements
from router.ledger.startup import SHARDS, Founding, found
from router.ledger.ticket import Admission, Ticket

_ADMITTED, _DENIED, _REPEATED, _STALE = 0, 1, 2, -2
_NOW: Final = 6
_DAY_MS: Final = 86_400_000
_MOST_PLANS: Final = 1000
_DRAIN_SECONDS: Final = 5.0


class Ledger:
    """The ledger as one gateway process uses it. Make it with `connect`.

    `lease_ms`: how long a hold outlives its gateway. `users_per_day`: distinct end users that an
    organization may bring a day before further ones share one scope.
    """

    def __init__(
        self,
        nodes: Nodes,
        founding: Founding,
        *,
        lease_ms: int,
        users_per_day: int,
    ) -> None:
        self._nodes = nodes
        self._founding = founding
        self._lease_ms = lease_ms
        self._users_per_day = users_per_day
        self._shards = [shard(number) for number in range(founding.shards)]
        self._ids = HoldIds()
        self._plans: dict[tuple[int, bool, bool], Plan] = {}
        self._ahead_ms = 0
        self._breaker = Breaker(time.monotonic)
        self._beats = Heartbeats(nodes, lease_ms)
        self._settlements = Settlements(nodes)

    @classmethod
    async def connect(
        cls,
        url: str,
        *,
        command_seconds: float | None = None,
        lease_ms: int = 15_000,
        users_per_day: int = 100_000,
        scripts: Mapping[str, Script] | None = None,
    ) -> Self:
        """Connect to the ledger at `url` (see router.ledger.address) and check that it is fit.

        `command_seconds`: what a reserve may take; by default 0.05, and 0.25 on a unix socket,
        where the server shares the machine's cores with everything else. Raises LedgerUnavailable
        where nobody answers, StartupError where the server must be set up otherwise.
        """
        budget = command_seconds or (0.25 if url.startswith("unix:") else 0.05)
        founding = Founding()

        async def check(connection: Connection) -> None:
            await found(connection, founding)

        nodes = Nodes(url, timeout=budget, shards=SHARDS, scripts=scripts, check=check)
        try:
            await nodes.open()
        except (OSError, hiredis.HiredisError) as error:
            await nodes.close()
            raise LedgerUnavailable(f"The ledger cannot be reached: {error}") from None
        except BaseException:
            await nodes.close()
            raise
        return cls(nodes, founding, lease_ms=lease_ms, users_per_day=users_per_day)

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
    def commands_sent(self) -> int:
        """Commands sent to the ledger so far: round trips, as whoever asserts them counts."""
        return sum(node.commands for node in self._nodes.connections())

    async def settled(self, seconds: float = _DRAIN_SECONDS) -> bool:
        """Wait until everything served so far is settled; false where that took too long."""
        return await self._settlements.drain(seconds)

    async def close(self) -> None:
        """Wait until what was served is settled (at most five seconds), then disconnect."""
        await self._beats.close()
        await self._settlements.drain(_DRAIN_SECONDS)
        await self._settlements.close()
        await self._nodes.close()

    # What a hold calls.

    async def reserve(self, hold: Hold) -> None:
        """Reserve for a hold: one round trip. Raises LimitExceeded or LedgerUnavailable."""
        if not self._breaker.allows():
            raise _unavailable()
        plan = self._prepare(hold)
        try:
            reply = await self._ask(hold)
            if reply[0] == _STALE:
                reply = await self._ask_again(hold, plan)
        except asyncio.CancelledError:
            self._cancel(hold)
            raise
        ticket = hold.ticket
        if reply[0] == _DENIED:
            organization = ticket.principal.organization
            raise denial(plan, reply, ticket.route_or_model, organization)
        hold.admission = Admission(str(hold.args[0]), rate_headers(plan, reply))
        self._beats.add(hold)

    def settle(self, hold: Hold) -> None:
        """Settle a hold: written now, acknowledged later."""
        self._beats.remove(hold)
        status, used, payload = hold.bill()
        rid = hold.admission.hold_id
        self._settlements.settle(
            Settlement(hold.shard, rid, status, used, payload, hold.reservation())
        )

    def beat_soon(self, hold: Hold) -> None:
        """Tell the ledger shortly that a hold has reached a backend."""
        self._beats.soon(hold)

    # Inside.

    def _now(self) -> int:
        return time.time_ns() // 1_000_000 + self._ahead_ms

    def _prepare(self, hold: Hold) -> Plan:
        """Write the reserve call of a hold."""
        ticket = hold.ticket
        principal = ticket.principal
        plan = self._plan(ticket)
        home = self._shards[shard_of(principal.organization, self._founding.shards)]
        user = user_hash(ticket.end_user, self._founding.secret) if ticket.end_user else None
        rid, now = self._ids.new(), self._now()
        scopes = self._scopes(plan, ticket, home, user)
        organization = scope("organization", principal.organization)
        hold.shard = home
        hold.keys = (
            home.records + rid, home.leases, home.clock, home.journal,
            f"{home.counts}{organization}:{now // _DAY_MS}",
            f"{home.scopes}{scope('user', principal.organization, '~')}", *scopes,
        )  # fmt: skip
        hold.args = (
            rid, self._lease_ms, pack_estimate(ticket.estimate), plan.packed(now),
            _meta(ticket, user), "", plan.user_scope, 62 * _DAY_MS, self._users_per_day,
        )  # fmt: skip
        return plan

    def _plan(self, ticket: Ticket) -> Plan:
        team, user = ticket.principal.team is not None, ticket.end_user is not None
        place = (id(ticket.quotas), team, user)
        plan = self._plans.get(place)
        if plan is None or plan.quotas is not ticket.quotas:
            if len(self._plans) >= _MOST_PLANS:
                self._plans.clear()
            plan = Plan(ticket.quotas, levels_present(team=team, user=user))
            self._plans[place] = plan
        return plan

    def _scopes(self, plan: Plan, ticket: Ticket, home: Shard, user: str | None) -> list[str]:
        principal = ticket.principal
        names = {
            "organization": None,
            "team": principal.team,
            "key": principal.key_id,
            "user": user,
            "model": ticket.route_or_model,
        }
        return [
            home.scopes + scope(level, principal.organization, names[level])
            for level in plan.levels
        ]

    async def _ask(self, hold: Hold) -> Any:
        try:
            reply = await self._nodes.run("reserve", hold.shard.number, hold.keys, hold.args)
        except Disconnected:
            self._breaker.failed()
            self._cancel(hold)
            raise _unavailable() from None
        self._breaker.succeeded()
        return reply

    async def _ask_again(self, hold: Hold, plan: Plan) -> Any:
        """The windows were computed for another instant than the ledger's: compute them again."""
        reply = await self._ask(hold)
        self._ahead_ms += int(reply[_NOW]) - self._now()
        plan.forget()
        hold.args = (*hold.args[:3], plan.packed(self._now()), *hold.args[4:])
        reply = await self._ask(hold)
        if reply[0] == _STALE:
            raise _unavailable()
        return reply

    def _cancel(self, hold: Hold) -> None:
        """Undo a reserve that nobody knows to have happened. Never sent: nothing to undo."""
        self._settlements.settle(
            Settlement(hold.shard, str(hold.args[0]), "cancelled", NOTHING, b"{}", None)
        )


def _meta(ticket: Ticket, user: str | None) -> bytes:
    principal = ticket.principal
    return orjson.dumps(
        {
            "request": ticket.request_id,
            "organization": principal.organization,
            "team": principal.team,
            "key": principal.key_id,
            "user": user,
            "tier": principal.tier,
            "model": ticket.route_or_model,
        }
    )


def _unavailable() -> LedgerUnavailable:
    return LedgerUnavailable(
        "The usage ledger does not answer, and this tier may not be served without it."
        " Please try again.",
        headers=(("retry-after", "1"),),
    )
