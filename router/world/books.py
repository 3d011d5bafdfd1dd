"""How rows of usage are entered into the books: by whose calendar, and beside what baseline."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from policies.policy import Policy
from router.customers.records import CalendarWords
from router.ledger.quotas.calendar import dates_at, window_at
from router.usage.used import together
from router.usage_row import UsageRow
from router.world.baseline import Baseline, baseline_of
from router.world.documents import Documents
from router.world.standing import tier_named

OwnCalendar = Callable[[str], CalendarWords | None]


class Calendar:
    """The days and billing months of a tier, as its quotas have them."""

    def __init__(self, timezone: str, billing_day: int) -> None:
        self._where = timezone, billing_day
        self._start = self._end = 0
        self._dates = "", ""

    def dates(self, at: int) -> tuple[str, str]:
        """Return the day of an instant (Unix milliseconds) and the first of its billing month."""
        if not self._start <= at < self._end:
            window = window_at(at, "day", *self._where)
            day, month = dates_at(at, *self._where)
            self._start, self._end = window.start, window.end
            self._dates = day.isoformat(), month.isoformat()
        return self._dates


class World(Protocol):
    """What the books go by."""

    @property
    def policy(self) -> Policy:
        """It has the tiers, and with them the calendars."""

    @property
    def baseline(self) -> Baseline:
        """What each request is priced beside."""


@dataclass(frozen=True, slots=True)
class BookWorld:
    """A world of two documents, for commands."""

    policy: Policy
    baseline: Baseline

    @classmethod
    def of(cls, documents: Documents) -> "BookWorld":
        """What the documents say."""
        loaded = documents.loaded
        return cls(documents.policy, Baseline.named(loaded, baseline_of(loaded)))


def _no_calendar(_organization: str) -> None:
    """Nobody has one of their own."""


class WorldBooks:
    """Enters rows by the documents that are in force when they are stored: `world` returns them.
    `calendar` tells what an organization has in the place of its tier's time zone and billing day.

    Not for several threads at once.
    """

    def __init__(self, world: Callable[[], World], calendar: OwnCalendar = _no_calendar) -> None:
        self.world = world
        self.calendar = calendar
        self._calendars: dict[tuple[str | None, CalendarWords | None], Calendar] = {}
        self._policy: Policy | None = None

    def entered(self, row: UsageRow, first: UsageRow | None) -> UsageRow:
        """Return the row with its customer's day and period, and with its cost at the baseline.

        A correction (`first` is what it corrects) tells the difference at the same baseline.
        """
        world = self.world()
        own = self.calendar(row.organization)
        day, period = self._calendar(world.policy, row.tier, own).dates(row.admitted_at)
        name, pico = _beside(world.baseline, row, first)
        return row._replace(day=day, period=period, baseline=name, baseline_pico=pico)

    def _calendar(self, policy: Policy, tier: str | None, own: CalendarWords | None) -> Calendar:
        if policy is not self._policy:
            self._policy, self._calendars = policy, {}
        which = tier, own
        if which not in self._calendars:
            self._calendars[which] = calendar_of(policy, tier or "", own)
        return self._calendars[which]


def _beside(
    baseline: Baseline, row: UsageRow, first: UsageRow | None
) -> tuple[str | None, int | None]:
    """What a row is compared with, and what it would have cost there, where that can be said."""
    if row.seq == 0:
        return baseline.name, baseline.cost(row)
    if first is None:
        return None, None  # nobody knows what it is a difference to
    if first.baseline != baseline.name or first.baseline_pico is None:
        return first.baseline, None
    whole = baseline.cost(together(first, row))
    return first.baseline, None if whole is None else whole - first.baseline_pico


def calendar_of(policy: Policy, tier: str, own: CalendarWords | None = None) -> Calendar:
    """Return the calendar of a tier's customers, or of one that has its own; the policy's for a
    tier that is gone."""
    zone, day = own or (None, None)
    there = policy.tiers.get(tier_named(tier))
    if there is None:
        return Calendar(zone or policy.timezone, day or 1)
    return Calendar(zone or there.timezone or policy.timezone, day or there.billing_day)
