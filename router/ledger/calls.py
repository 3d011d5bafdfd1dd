"""Reserve calls: a ticket turned into the keys and arguments of the script."""

import time
from dataclasses import dataclass
from typing import Final

import orjson

from router.ledger.denial_cache import Denied
from router.ledger.hold import Hold
from router.ledger.keys import HoldIds, Shard, scope, shard_of, user_hash
from router.ledger.quotas.compiled_quotas import Plan, levels_present
from router.ledger.reserve_request import Ticket
from router.ledger.server.startup import Founding
from router.ledger.settlement import Frame

DAY_MS: Final = 86_400_000
_USER_SCOPE_MS: Final = 62 * DAY_MS  # twice the longest window
_MOST_PLANS: Final = 1000
_MOST_CUSTOMERS: Final = 20_000


@dataclass(slots=True)
class _Customer:
    """What the calls of one key, user and model have in common, and their last denial."""

    frame: Frame
    users: tuple[str, ...]  # where a scope is a user's: the key of their count, and their overflow
    meta: bytes
    denied: Denied | None = None


class ReserveCalls:
    """Writes the reserve call of each hold. Holds what does not change between requests: plans by
    the identity of their quotas, the shards' keys, how far the ledger's clock is ahead of ours.
    """

    def __init__(
        self, founding: Founding, shards: list[Shard], lease_ms: int, users_per_day: int
    ) -> None:
        self._founding = founding
        self._shards = shards
        self._lease_ms = lease_ms
        self._users = (_USER_SCOPE_MS, users_per_day)
        self._ids = HoldIds(founding.shards)
        self.process = self._ids.process
        self._customers: dict[tuple[int | str | None, ...], _Customer] = {}
        self._plans: dict[tuple[int, bool, bool], Plan] = {}
        self._ahead_ms = 0

    def now(self) -> int:
        """The ledger's time in Unix milliseconds, as far as we know."""
        return time.time_ns() // 1_000_000 + self._ahead_ms

    def set_clock(self, ledger_now: int) -> None:
        """Learn the ledger's time: calendar windows are computed for it."""
        self._ahead_ms += ledger_now - self.now()

    def prepare(self, hold: Hold) -> None:
        """Write the reserve call of a hold into it."""
        ticket = hold.ticket
        by = ticket.principal  # its parts: hashing it whole is a call of Python's own
        who = (
            id(ticket.quotas), by.key_id, by.organization, by.tier, by.team, ticket.end_user,
            ticket.route_or_model,
        )  # fmt: skip
        customer = self._customers.get(who)
        if customer is None:  # it keeps its quotas alive: nothing else can come to have their id
            if len(self._customers) >= _MOST_CUSTOMERS:
                self._customers.clear()
            customer = self._customers[who] = self._customer(ticket)
        frame = customer.frame
        now = time.time_ns() // 1_000_000
        rid = self._ids.new(now, frame.home.number)
        now += self._ahead_ms
        users: tuple[str, ...] = ()
        if customer.users:
            users = (f"{customer.users[0]}:{now // DAY_MS}", customer.users[1])
        meta = b'{"request":%b,%b' % (orjson.dumps(ticket.request_id), customer.meta)
        hold.rid, hold.shard, hold.customer = rid, frame.home, customer
        hold.call = frame.call(rid, ticket.estimate, meta, now, users)

    def _customer(self, ticket: Ticket) -> _Customer:
        organization = ticket.principal.organization
        plan = self._plan(ticket)
        home = self._shards[shard_of(organization, self._founding.shards)]
        user = user_hash(ticket.end_user, self._founding.secret) if ticket.end_user else None
        shared = scope("user", organization, "~")
        users = (home.counts + shared, home.scopes + shared) if plan.user_scope else ()
        scopes = tuple(_scopes(plan, ticket, home, user))
        frame = Frame.of(home, plan, scopes, self._lease_ms, self._users)
        return _Customer(frame, users, _meta(ticket, user)[1:])

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


def _scopes(plan: Plan, ticket: Ticket, home: Shard, user: str | None) -> list[str]:
    principal = ticket.principal
    names = {
        "organization": None,
        "team": principal.team,
        "key": principal.key_id,
        "user": user,
        "model": ticket.route_or_model,
    }
    return [
        home.scopes + scope(level, principal.organization, names[level]) for level in plan.levels
    ]


def _meta(ticket: Ticket, user: str | None) -> bytes:
    principal = ticket.principal
    return orjson.dumps(
        {
            "organization": principal.organization,
            "team": principal.team,
            "key": principal.key_id,
            "user": user,
            "tier": principal.tier,
            "model": ticket.route_or_model,
        }
    )
