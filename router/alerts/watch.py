"""The look of one gateway at what wants attention: every few seconds, off the path of requests.

Budgets are looked at for whoever was active since the last look, in one round trip for many. Nobody
looks at those of others: they do not move.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from router.alerts.active import Active, Seen
from router.alerts.alert import Event
from router.alerts.budgets import KEPT_MS, Budget, crossings, is_budget
from router.alerts.conditions import Conditions
from router.alerts.expiry import ExpiringKey, expiry_events
from router.alerts.store import AlertStore
from router.alerts.teller import Teller
from router.database import DatabaseError
from router.ledger.once import Once
from router.ledger.quotas.dimensions import Quota
from router.ledger.server.errors import Disconnected
from router.ledger.used import Used, Whose
from router.world.config_alerts import AlertSection

_LOG: Final = logging.getLogger("turnout")
_AT_ONCE: Final = 200  # keys and models in one round trip
_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 86_400_000


class Reads(Protocol):
    """The ledger, as far as alerts read it."""

    def now(self) -> int:
        """Its time in Unix milliseconds."""

    async def used_of(self, asked: Sequence[tuple[Whose, Sequence[Quota]]]) -> list[list[Used]]:
        """What these have used of their quotas, in one round trip. Raises Disconnected."""


@dataclass(frozen=True, slots=True)
class Look:
    """What the watch works with. `expiring` lists the keys that expire between two instants; it
    blocks, and may raise DatabaseError.
    """

    section: AlertSection
    active: Active
    ledger: Reads
    once: Once
    conditions: Conditions
    teller: Teller
    store: AlertStore
    expiring: Callable[[int, int], list[ExpiringKey]]
    now: Callable[[], int]


class AlertWatch:
    """`start` it, and `close` it; or `look` once. `sleep` passes the time between two looks."""

    def __init__(
        self, look: Look, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._parts = look
        self._sleep = sleep
        self._hourly_at = 0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.create_task(self._run(), name="alerts: watch")

    async def close(self) -> None:
        """Stop."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            await self._sleep(self._parts.section.every)
            try:
                await self.look()
            except Exception:  # noqa: BLE001 # the next look may do better; nobody else looks
                _LOG.exception("what alerts are about could not be looked at")

    async def look(self) -> None:
        """Look once, and tell what there is to tell."""
        parts = self._parts
        await parts.teller.tell_later_ones()
        await self._look_at_conditions()
        seen = parts.active.take()
        while seen:
            part, seen = seen[:_AT_ONCE], seen[_AT_ONCE:]
            try:
                await self._look_at_budgets(part)
            except Disconnected:  # the conditions tell that
                parts.active.put_back([*part, *seen])
                break
        if parts.now() >= self._hourly_at:
            self._hourly_at = parts.now() + _HOUR_MS
            await self._hourly()

    async def _look_at_conditions(self) -> None:
        parts = self._parts
        lasting, over = await parts.conditions.look(parts.now())
        for event in lasting:
            await parts.teller.tell(event)
        for name, ending in over:
            if await parts.teller.over(name):
                await parts.teller.tell(ending)

    async def _look_at_budgets(self, seen: Sequence[Seen]) -> None:
        parts = self._parts
        asked = [(_whose(one), _quotas(one)) for one in seen]
        now, told = parts.ledger.now(), await parts.ledger.used_of(asked)
        budgets: dict[str, Budget] = {}
        for one, (whose, _), all_used in zip(seen, asked, told, strict=True):
            for used in filter(is_budget, all_used):
                budget = self._budget(one, whose, used)
                if budget.name not in budgets or budget.refused:
                    budgets[budget.name] = budget
        for budget in budgets.values():
            await self._tell(await self._with_base(budget), now)

    def _budget(self, one: Seen, whose: Whose, used: Used) -> Budget:
        refused = f"{used.level}:{used.dimension}" in one.refused
        thresholds = thresholds_for(self._parts.section, whose.organization, one.principal.tier)
        return Budget(whose, used, thresholds, refused)

    async def _with_base(self, budget: Budget) -> Budget:
        """Of a balance, what was there when it was first seen after its last credit."""
        if not budget.endless:
            return budget
        used = budget.used
        left = used.limit - (used.used - used.held)
        granted = await self._parts.once.remember(budget.balance, left, KEPT_MS)
        return budget._replace(granted=granted)

    async def _tell(self, budget: Budget, now: int) -> None:
        teller = self._parts.teller
        for crossing in crossings(budget, self._parts.section, now):
            if await teller.tell(crossing.event):
                for name in crossing.lower:
                    await teller.pass_over(name, crossing.event.ms)

    async def _hourly(self) -> None:
        """Keys that expire soon; and what is too old is forgotten."""
        parts, now = self._parts, self._parts.now()
        before = parts.section.keys_before
        events: list[Event] = []
        try:
            if before:
                until = now + round(1000 * max(before))
                keys = await asyncio.to_thread(parts.expiring, now, until)
                events = expiry_events(keys, before, now)
            old = now - round(1000 * parts.section.keep)
            await asyncio.to_thread(partial(parts.store.prune, old, now))
        except DatabaseError as error:
            self._hourly_at = now
            _LOG.warning("keys that expire soon could not be looked up: %s", error)
        for event in events:
            await parts.teller.tell(event)


def thresholds_for(section: AlertSection, organization: str, tier: str) -> tuple[int, ...]:
    """By which percents a customer's budgets are told: its own, its tier's, or everybody's."""
    own: Mapping[str, tuple[int, ...]] = {
        name: each.thresholds for name, each in section.organizations.items()
    }
    if organization in own:
        return own[organization]
    of_tier = section.tiers.get(tier)
    return section.thresholds if of_tier is None else of_tier.thresholds


def _whose(one: Seen) -> Whose:
    who = one.principal
    return Whose(who.organization, who.team, who.key_id, None, one.model)


def _quotas(one: Seen) -> Sequence[Quota]:
    return one.world.standing_of(one.principal).lasting
