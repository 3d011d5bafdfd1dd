"""What a check finds: differences that repairing ends, and what only looks like one; in words.

Amounts are in the metric's own unit, money in pico-USD; words say USD.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from typing import Any, Final

from policies.language.limits import LIMITS
from policies.money import PICO_PER_NANO, usd
from router.ledger.check.expected import Scope
from router.ledger.codec import StateNumbers
from router.ledger.loss import Loss, instant_words, loss_words
from router.ledger.quotas.calendar import FOREVER, zone_of
from router.ledger.quotas.dimensions import QuotaDimension


class Kind(StrEnum):
    """What a finding is. The last three are no drift: they explain figures that differ."""

    LOST = "lost"
    DIFFERS = "differs"
    SINCE = "counted since"
    ELSEWHERE = "not limited everywhere"
    UNKNOWN = "limited elsewhere"


_DRIFTS: Final = frozenset({Kind.LOST, Kind.DIFFERS})
_MEASURES: Final = {
    "usd": "US dollars", "tokens": "tokens", "input_tokens": "input tokens",
    "output_tokens": "output tokens", "requests": "requests",
}  # fmt: skip
_PERIODS: Final = {
    "day": " a day",
    "week": " a week",
    "month": " a month",
    "year": " a year",
    "endless": " prepaid",
    "running": " at once",
}
# What differs: how the ledger's figure and the other are told.
_SAYS: Final = {
    "used": "the ledger says {ledger} used, the books {books}",
    "held": "the ledger holds {ledger}, the requests that are open {books}",
    "open": "the ledger counts {ledger} as open, {books} are",
    "used before": "the ledger says {ledger} used in the window before, the books {books}",
    "held before": "the ledger holds {ledger} of the window before, the requests that are open"
    " {books}",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One figure of one limit of one scope: what the ledger says, and what the books (or the open
    requests) say. `expected` is the stored scope that was looked at, `repaired` the state that
    repairing writes in its place (empty: nothing to repair).
    """

    kind: Kind
    shard: int
    key: str
    place: str
    scope: Scope
    row: QuotaDimension
    what: str
    ledger: int
    books: int
    window: tuple[int, int] = (0, 0)
    timezone: str = "UTC"
    since: int = 0
    expected: bytes = b""
    repaired: StateNumbers = ()

    @property
    def is_drift(self) -> bool:
        """Whether ledger and books do not agree."""
        return self.kind in _DRIFTS

    @property
    def gives_back(self) -> bool:
        """Whether repairing it gives a prepaid balance something back."""
        return self.row.period == "endless" and self.what == "used" and self.books < self.ledger

    @property
    def money(self) -> bool:
        """Whether the figures are pico-USD."""
        return self.row.money

    def amount(self, figure: int) -> str:
        """A figure in words."""
        return f"${usd(figure, least=2)}" if self.money else f"{figure:,}"

    @property
    def subject(self) -> str:
        """Whose limit it is, which one, and of which window."""
        where, limit = self.scope, LIMITS[self.row.name]
        who = f"organization {where.organization}"
        if where.name is not None:
            who = f"{where.level} {where.name} of {who}"
        return f"{who}, {_MEASURES[limit.measure]}{_PERIODS[limit.window]}{self._from()}"

    def __str__(self) -> str:
        return f"{self.subject}: {self._said()}"

    @property
    def change(self) -> str:
        """What repairing changes."""
        if self.kind is Kind.LOST:
            return f"{self.subject}: nothing -> {self.amount(self.books)} used, as the books say"
        by = "the books" if self.what.startswith("used") else "the requests that are open"
        return (
            f"{self.subject}: {self.amount(self.ledger)} -> {self.amount(self.books)} {self.what},"
            f" as {by} say"
        )

    def as_json(self) -> dict[str, Any]:
        """The finding for programs: money in USD as text, instants in Unix milliseconds."""
        start, end = self.window
        return {
            "kind": str(self.kind), "drift": self.is_drift, "level": self.scope.level,
            "organization": self.scope.organization, "name": self.scope.name,
            "limit": self.row.name, "what": self.what, "unit": "USD" if self.money else
            _MEASURES[LIMITS[self.row.name].measure],
            "ledger": self._figure(self.ledger), "books": self._figure(self.books),
            "from_at": start or None, "until_at": end if 0 < end < FOREVER else None,
            "can_be_repaired": bool(self.repaired), "words": str(self),
        }  # fmt: skip

    def _figure(self, figure: int) -> int | str:
        return usd(figure, least=2) if self.money else figure

    def _from(self) -> str:
        start, _ = self.window
        if start <= 0:
            return ""
        zone: tzinfo = zone_of(self.timezone)
        local = datetime.fromtimestamp(start / 1000, zone)
        if (local.hour, local.minute) != (0, 0):
            zone, local = UTC, datetime.fromtimestamp(start / 1000, UTC)
        day = local.date().isoformat()
        if (local.hour, local.minute) != (0, 0):
            day = local.strftime("%Y-%m-%d %H:%M")
        return f" from {day}" + ("" if zone is UTC else f" ({self.timezone})")

    def _said(self) -> str:
        ledger, books = self.amount(self.ledger), self.amount(self.books)
        if self.kind is Kind.LOST:
            return f"the ledger lost this; the books say {books} used"
        if self.kind is Kind.SINCE:
            return (
                f"counted since {instant_words(self.since)}, {ledger} so far; {books} that came"
                " before the limit does not count"
            )
        if self.kind is Kind.ELSEWHERE:
            return (
                f"counts {ledger}; {books} was served by gateways without this limit: let all of"
                " them have one policy"
            )
        if self.kind is Kind.UNKNOWN:
            return (
                f"counts {ledger}, but no tier of this policy has this limit for it: another"
                " gateway has, or had. Not compared"
            )
        return _SAYS[self.what].format(ledger=ledger, books=books)


@dataclass(slots=True)
class CheckReport:
    """What a check found: the loss of the ledger as a whole, by virtual shard; and each finding."""

    shards: int
    lost: dict[int, Loss] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    scopes: int = 0
    rows: int = 0

    @property
    def drifts(self) -> list[Finding]:
        """What does not agree."""
        return [finding for finding in self.findings if finding.is_drift]

    @property
    def notes(self) -> list[Finding]:
        """What only looks so."""
        return [finding for finding in self.findings if not finding.is_drift]

    @property
    def changes(self) -> list[Finding]:
        """What repairing changes."""
        return [finding for finding in self.drifts if finding.repaired]

    @property
    def loss(self) -> str | None:
        """What the ledger lost as a whole, in a sentence."""
        return loss_words(self.lost.values(), self.shards) if self.lost else None

    @property
    def agrees(self) -> bool:
        """Whether ledger and books agree."""
        return not self.lost and not self.drifts


def spent(row: QuotaDimension, used: int, remainder: int) -> int:
    """What a state used, in the metric's own unit."""
    return used * row.scale + remainder


def in_unit(row: QuotaDimension, units: int) -> int:
    """A whole number of a limit's units in the metric's own: nano-USD as pico-USD."""
    return units * PICO_PER_NANO if row.money else units
