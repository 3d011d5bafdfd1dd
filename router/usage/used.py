"""What a row of usage says was used: every counter, for pricing it again; and corrections.

The column `counts` is a JSON object of what has no column of its own. `parts` are the parts of the
tokens that may cost something else (`router.counters`), `units` those without a column
(`router.units`). `answer` is there where a cascade paid for more than the delivered answer: that
answer's own use, which is what any other backend would have been asked for.
"""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from router.domain import Usage
from router.units import PLURALS
from router.usage_row import UNIT_COLUMNS, UsageRow

_ADDED: Final = (
    *("cached_tokens", "cache_write_tokens", "reasoning_tokens"),
    *(PLURALS[unit] for unit in UNIT_COLUMNS),
)
_WHOLE: Final = ("requests", "tokens", "input_tokens", "output_tokens", "cost_pico")
_COUNTED: Final = ("parts", "units")


def counts_of(row: UsageRow) -> dict[str, Any]:
    """What a row counts that has no column."""
    return {} if row.counts is None else dict(orjson.loads(row.counts))


def usage_of(row: UsageRow) -> Usage:
    """What another backend would have been asked for, by all counters of a row: without the class
    of service and the cost that its own backend told.
    """
    counts = counts_of(row) if row.counts is not None else {}
    if "answer" in counts:
        return _answer(counts["answer"])
    units = [(name, getattr(row, PLURALS[name])) for name in UNIT_COLUMNS]
    return Usage(
        row.input_tokens,
        row.output_tokens,
        row.cached_tokens,
        row.reasoning_tokens,
        row.estimated,
        row.cache_write_tokens,
        units=(*[each for each in units if each[1]], *counts.get("units", {}).items()),
        parts=tuple(counts.get("parts", {}).items()),
    )


def corrected(row: UsageRow, first: UsageRow | None) -> UsageRow:
    """Return a correction with the difference that it made to every counter of the first row.

    `row` is as the journal has it, with the whole request's counts. Where nobody knows the `first`
    row any more, only what the ledger itself counts is known to be a difference.
    """
    if first is None:
        nothing: dict[str, Any] = dict.fromkeys(_ADDED, 0)
        return row._replace(counts=None, **nothing)
    before, after = counts_of(first), counts_of(row)
    counts = after | {name: _sum(after, before, name, -1) for name in _COUNTED}
    more: dict[str, Any] = {name: getattr(row, name) - getattr(first, name) for name in _ADDED}
    return row._replace(counts=_written(counts), **more)


def together(first: UsageRow, correction: UsageRow) -> UsageRow:
    """Return the row that a request would have, had it been settled in time."""
    before, after = counts_of(first), counts_of(correction)
    counts = before | after | {name: _sum(before, after, name, 1) for name in _COUNTED}
    sums: dict[str, Any] = {
        name: getattr(first, name) + getattr(correction, name) for name in (*_WHOLE, *_ADDED)
    }
    return correction._replace(counts=_written(counts), **sums)


def _sum(one: Mapping[str, Any], other: Mapping[str, Any], name: str, sign: int) -> dict[str, int]:
    ones, others = one.get(name, {}), other.get(name, {})
    sums = {each: ones.get(each, 0) + sign * others.get(each, 0) for each in {**ones, **others}}
    return {each: count for each, count in sums.items() if count}


def _written(counts: Mapping[str, Any]) -> str | None:
    kept = {name: value for name, value in counts.items() if value or name == "answer"}
    return orjson.dumps(kept).decode() if kept else None


def _answer(counters: Mapping[str, Any]) -> Usage:
    return Usage(
        counters.get("input", 0),
        counters.get("output", 0),
        counters.get("cached", 0),
        counters.get("reasoning", 0),
        cache_write_tokens=counters.get("written", 0),
        units=tuple(counters.get("units", {}).items()),
        parts=tuple(counters.get("parts", {}).items()),
    )
