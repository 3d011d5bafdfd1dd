"""What costs a fee and is told by the answer itself, not by its counts: searches, runs of code."""

from collections.abc import Iterable, Mapping
from typing import Any

from router.protocols.spellings import FEES_OF_ITEMS, FREE_ACTIONS, SEARCHES_ONCE
from router.units import WEB_SEARCH


def fees_of_items(items: Any) -> dict[str, int]:
    """The fees that the items of a response stand for; those that failed cost nothing."""
    fees: dict[str, int] = {}
    for item in items if isinstance(items, list) else ():
        kind = item.get("type") if isinstance(item, Mapping) else None
        fee = FEES_OF_ITEMS.get(kind) if isinstance(kind, str) else None
        if fee is None or item.get("status") == "failed":
            continue
        action = item.get("action")
        if isinstance(action, Mapping) and action.get("type") in FREE_ACTIONS:
            continue
        fees[fee] = fees.get(fee, 0) + 1
    return fees


def searched(candidates: Iterable[Any]) -> set[str]:
    """The searches of the web that Google's candidates tell, each once."""
    queries: set[str] = set()
    for candidate in candidates:
        grounding = candidate.get("groundingMetadata") if isinstance(candidate, Mapping) else None
        asked = grounding.get("webSearchQueries") if isinstance(grounding, Mapping) else None
        if isinstance(asked, list):
            queries.update([query for query in asked if isinstance(query, str) and query])
    return queries


def fees_of_searches(queries: set[str], model: Any) -> dict[str, int]:
    """The fees of these searches by this model."""
    if not queries:
        return {}
    once = isinstance(model, str) and model.rsplit("/", 1)[-1].startswith(SEARCHES_ONCE)
    return {WEB_SEARCH: 1 if once else len(queries)}
