"""Rows of usage as the journal tells them."""

from typing import Any

from router.domain import Charge, Outcome, Principal, Usage
from router.usage_row import (
    ASKED_BEGIN,
    JournalRow,
    UsageRow,
    customer_json,
    served_json,
    usage_row,
)

ASKED = ASKED_BEGIN + b'"req",' + customer_json(Principal("key1", "acme", "pro"), None, "auto")


def journal_row(charge: Charge, *, before: Charge | None = None, **fields: Any) -> JournalRow:
    """A settled request; a correction where it had been charged `before`."""
    used = _vector(charge)
    if before is not None:
        used = tuple(now - then for now, then in zip(used, _vector(before), strict=True))
    row = JournalRow(
        *("h1", int(before is not None), "completed", 0, 1), used, ASKED, served_json(charge)
    )
    return row._replace(**fields)


def row_of(charge: Charge, *, before: Charge | None = None, **fields: Any) -> UsageRow:
    """The same as a row of the table; `fields` are its own."""
    return usage_row(journal_row(charge, before=before))._replace(**fields)


def charged(usage: Usage, cost_pico: int = 0, **fields: Any) -> Charge:
    """A chat that `local` answered."""
    charge = Charge(usage, cost_pico, Outcome.COMPLETED, backend="local", operation="chat")
    return charge._replace(**fields)


def _vector(charge: Charge) -> tuple[int, ...]:
    usage = charge.usage
    total = usage.input_tokens + usage.output_tokens
    return charge.requests, total, usage.input_tokens, usage.output_tokens, charge.cost_pico
