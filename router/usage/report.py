"""Spend, as people and accountants read it: sums by some columns, with a mark-up and in cents.

Nothing is rounded but where this says so. `cost_pico` is what requests cost, exact. `price_pico` is
that times a mark-up: each line rounded half-even to whole pico-USD, the total being the sum of its
lines. `cents` is what is booked: of every invoice (the lines of one organization and one billing
month, as far as the report tells them apart) the sum is rounded half-even to whole cents, each line
gets its whole cents, and the cents that are left go to the lines with the largest rest, one each.
So an invoice's total is the sum of its lines, and is its exact sum to half a cent.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Any, Final

from router.usage.store import SUMS, UsageStore

GROUPS: Final = {
    "organization": "organization",
    "team": "team",
    "key": "key_id",
    "user": "end_user",
    "tier": "tier",
    "run": "run",
    "operation": "operation",
    "backend": "backend",
    "model": "model",
    "credential": "credential",
    "route": "route",
    "service_tier": "service_tier",
    "status": "status",
    "day": "day",
    "month": "period",
}
NO_MARKUP: Final = Decimal(1)
_PICO_PER_CENT: Final = 10**10
_INVOICE: Final = frozenset({"organization", "month"})
_DIGITS: Final = 60  # more than any sum of pico-USD times a mark-up has


@dataclass(frozen=True, slots=True)
class Report:
    """Totals by some columns, and their own total. Costs are in pico-USD."""

    by: tuple[str, ...]
    rows: tuple[dict[str, Any], ...]
    markup: Decimal = NO_MARKUP

    @property
    def total(self) -> dict[str, int]:
        """The sum of all rows."""
        return {name: sum(row[name] for row in self.rows) for name in SUMMED}


SUMMED: Final = (*SUMS, "cost_pico", "price_pico", "cents")


def spend(
    store: UsageStore,
    by: Sequence[str],
    *,
    organization: str | None = None,
    since: str | None = None,
    until: str | None = None,
    month: str | None = None,
    markup: Decimal = NO_MARKUP,
) -> Report:
    """What was spent in days [since, until) (YYYY-MM-DD, each customer's own), by names of GROUPS.

    `month` (YYYY-MM): only in billing months that begin in it. Raises KeyError for another name,
    DatabaseError where the database does not work.
    """
    columns = [GROUPS[name] for name in by]
    where = {} if organization is None else {"organization": organization}
    rows = [
        {name: row.pop(column) for name, column in zip(by, columns, strict=True)} | row
        for row in store.totals(columns, where, since, until, month)
    ]
    for row in rows:
        row["price_pico"] = marked_up(row["cost_pico"], markup)
    _book(by, rows)
    return Report(tuple(by), tuple(rows), markup)


def marked_up(pico: int, markup: Decimal) -> int:
    """A cost times a factor, rounded half-even to whole pico-USD."""
    if markup == NO_MARKUP:
        return pico
    with localcontext(prec=_DIGITS):
        return int((pico * markup).to_integral_value(ROUND_HALF_EVEN))


def _book(by: Sequence[str], rows: Iterable[dict[str, Any]]) -> None:
    """Write into each row the cents that are booked for it, invoice by invoice."""
    named = [name for name in by if name in _INVOICE]
    invoices: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        invoices.setdefault(tuple(row[name] for name in named), []).append(row)
    for lines in invoices.values():
        for row, cents in zip(lines, in_cents([r["price_pico"] for r in lines]), strict=True):
            row["cents"] = cents


def in_cents(picos: Sequence[int]) -> list[int]:
    """Amounts in whole cents, whose sum is the sum of the amounts, rounded half-even. Each is one
    of the two whole cents around its amount; of equal rests the first is rounded up.
    """
    whole, rest = divmod(sum(picos), _PICO_PER_CENT)
    up = 2 * rest > _PICO_PER_CENT or (2 * rest == _PICO_PER_CENT and whole % 2)
    cents = [pico // _PICO_PER_CENT for pico in picos]
    left = whole + int(up) - sum(cents)
    order = sorted(range(len(picos)), key=lambda n: -(picos[n] % _PICO_PER_CENT))
    for n in order[:left]:
        cents[n] += 1
    return cents
