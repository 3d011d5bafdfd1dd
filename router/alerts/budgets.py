"""What the use of a budget gives to tell: thresholds passed, a forecast above it, a balance low.

Pure. A budget is a limit of a calendar window, or a prepaid balance. What running requests hold is
not used yet; where it keeps further requests out, the budget is used up all the same.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from policies.language.limits import LIMITS
from policies.money import PICO_PER_NANO, usd
from router.alerts.alert import Event, instant
from router.ledger.quotas.dimensions import DIMENSIONS
from router.ledger.used import Used, Whose
from router.world.config_alerts import AlertSection

ALL: Final = 100
KEPT_MS: Final = 400 * 86_400_000  # for which what is told of a balance stays told
_LATE_MS: Final = 3_600_000  # claims outlive their window, since clocks differ
_MOSTLY: Final = 0.5  # a budget of which less is used refused a request for being large
_WINDOWS: Final[Mapping[str, str]] = {"day": "today", "month": "this month"}


class Budget(NamedTuple):
    """One budget of somebody: how much is used, by which percents it is told, whether it refused a
    request lately. `granted`, of a balance: what was there when its last credit was seen.
    """

    whose: Whose
    used: Used
    thresholds: tuple[int, ...]
    refused: bool = False
    granted: int = 0

    @property
    def name(self) -> str:
        """What tells it from every other budget."""
        own = {"team": self.whose.team, "key": self.whose.key, "model": self.whose.model}
        parts = (self.whose.organization, self.used.level, own.get(self.used.level) or "")
        return "\n".join((*parts, self.used.dimension))

    @property
    def endless(self) -> bool:
        """Whether it is a balance."""
        return self.used.until is None

    @property
    def balance(self) -> str:
        """The name of a balance as it was last credited."""
        return f"balance\n{self.name}\n{self.used.limit}"


@dataclass(frozen=True, slots=True)
class Crossing:
    """The highest threshold that is passed, and the names of the lower ones, told with it."""

    event: Event
    lower: tuple[str, ...] = ()


def is_budget(used: Used) -> bool:
    """Whether alerts are about such a limit: it has a calendar window, or is a balance, and is
    not a limit of nothing.
    """
    return DIMENSIONS[used.dimension].period is not None and used.limit + used.rolled_over > 0


def crossings(budget: Budget, section: AlertSection, now: int) -> Iterator[Crossing]:
    """What there is to tell of a budget at an instant of the ledger's time."""
    if budget.endless:
        yield from _of_balance(budget, section)
        return
    used = budget.used
    most = used.limit + used.rolled_over
    until = used.until or now
    ms = max(1, until - now + _LATE_MS)
    spent = used.used - used.held
    percent = ALL if _is_out(budget) else spent * 100 // most
    window = f"{budget.name}\n{used.since}\n{used.limit}"  # another limit is another budget
    passed = _passed(budget, percent, f"budget\n{window}")
    facts = _facts(budget) | {"window_ends": instant(until)}
    ending = _WINDOWS.get(LIMITS[used.dimension].window, "in its window")
    if passed:
        name, lower, percent_told = passed
        text = (
            f"{_subject(budget)} has used {min(percent, ALL)} % of its {_says(used)} {ending}:"
            f" {_amount(used, spent)} of {_amount(used, most)}. It renews at {instant(until)}."
        )
        event = Event(
            name, ms, "budget.threshold", text, budget.whose.organization,
            facts | {"threshold": percent_told},
        )  # fmt: skip
        yield Crossing(event, lower)
    if section.forecast and used.forecast is not None and used.forecast > most and percent < ALL:
        yield Crossing(_forecast(budget, used.forecast, f"forecast\n{window}", ms, facts))


def _forecast(budget: Budget, forecast: int, name: str, ms: int, facts: dict[str, object]) -> Event:
    used = budget.used
    most = used.limit + used.rolled_over
    out = f", at {instant(used.exhausted_at)}" if used.exhausted_at else ""
    text = (
        f"{_subject(budget)} will use up its {_says(used)} before it renews{out}: at the rate so"
        f" far it comes to {_amount(used, forecast)} of {_amount(used, most)}."
    )
    more = {"forecast": _plain(used, forecast)}
    if used.exhausted_at:
        more["exhausted_at"] = instant(used.exhausted_at)
    return Event(name, ms, "budget.forecast", text, budget.whose.organization, facts | more)


def _of_balance(budget: Budget, section: AlertSection) -> Iterator[Crossing]:
    used = budget.used
    left, base = used.limit - (used.used - used.held), max(budget.granted, 1)
    percent = ALL if left <= 0 or _is_out(budget) else max(0, (base - left) * 100 // base)
    passed = _passed(budget, percent, budget.balance)
    facts = _facts(budget) | {"left": _plain(used, left)}
    remains = f"{_amount(used, max(0, left))} left"
    if passed:
        name, lower, percent_told = passed
        text = (
            f"{_subject(budget)} has used {percent} % of its prepaid balance since its last"
            f" credit: {remains}."
        )
        event = Event(
            name, KEPT_MS, "balance.threshold", text, budget.whose.organization,
            facts | {"threshold": percent_told},
        )  # fmt: skip
        yield Crossing(event, lower)
    below = [pico for pico in section.balance_below if left * PICO_PER_NANO < pico]
    if below:
        lowest, *higher = sorted(below)
        text = f"The prepaid balance of {_subject(budget)} is low: {remains}."
        names = [f"{budget.balance}\nbelow\n{pico}" for pico in (lowest, *higher)]
        facts |= {"below": usd(lowest, least=2)}
        event = Event(names[0], KEPT_MS, "balance.low", text, budget.whose.organization, facts)
        yield Crossing(event, tuple(names[1:]))


def _passed(budget: Budget, percent: int, base: str) -> tuple[str, tuple[str, ...], int] | None:
    """The claim of the highest threshold that is passed, those of the lower ones, and it."""
    passed = [each for each in budget.thresholds if percent >= each]
    if not passed:
        return None
    *lower, highest = (f"{base}\n{each}" for each in passed)
    return highest, tuple(lower), passed[-1]


def _is_out(budget: Budget) -> bool:
    """Whether nothing more is to be had: all is used, or the rest is less than a request needs."""
    used = budget.used
    most = used.limit + used.rolled_over
    return used.used - used.held >= most or (budget.refused and used.share >= _MOSTLY)


def _subject(budget: Budget) -> str:
    whose, level = budget.whose, budget.used.level
    own = {"team": whose.team, "key": whose.key, "model": whose.model}.get(level)
    return whose.organization if own is None else f"{whose.organization} ({level} {own})"


def _says(used: Used) -> str:
    return DIMENSIONS[used.dimension].says


def _facts(budget: Budget) -> dict[str, object]:
    whose, used = budget.whose, budget.used
    own = {"team": whose.team, "key": whose.key, "model": whose.model}.get(used.level)
    return {
        "level": used.level,
        **({used.level: own} if own is not None else {}),
        "limit_name": used.dimension,
        "used": _plain(used, used.used - used.held),
        "limit": _plain(used, used.limit + used.rolled_over),
    }


def _plain(used: Used, amount: int) -> int | str:
    """An amount for programs: money as a decimal number of USD, in a string."""
    if not DIMENSIONS[used.dimension].money:
        return amount
    return usd(amount * PICO_PER_NANO, least=2)


def _amount(used: Used, amount: int) -> str:
    plain = _plain(used, amount)
    return f"{plain:,}" if isinstance(plain, int) else f"${plain}"
