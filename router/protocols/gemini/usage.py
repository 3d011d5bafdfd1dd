"""usageMetadata as Google's servers tell it, and the searches that stand beside it."""

from collections.abc import Mapping
from typing import Any, Final

from router.ask import Ask
from router.counters import INPUT, OUTPUT, REASONING
from router.domain import Usage
from router.protocols.fees import fees_of_searches
from router.protocols.hub.answer import Lines
from router.protocols.hub.usage_lines import lines_of_usage
from router.protocols.spellings import GEMINI, TOOL_INPUT, TOTAL
from router.protocols.told import gathered, tier_of, usage_of, with_units
from router.protocols.usage import believed

_APART: Final = frozenset((REASONING,))


def read_content_usage(body: Mapping[str, Any], queries: set[str], ask: Ask) -> Usage | None:
    """What a response says of its use, as far as it can be true; None where it tells no counts.

    `queries` are the searches that it and those before it tell.
    """
    return believed(_told(body, queries), ask)


def lines_of(body: Mapping[str, Any], queries: set[str]) -> Lines:
    """The same as lines."""
    return lines_of_usage(_told(body, queries))


def _told(body: Mapping[str, Any], queries: set[str]) -> Usage | None:
    usage = body.get("usageMetadata")
    if not isinstance(usage, Mapping):
        return None
    counts, tiers = gathered(usage, GEMINI)
    if INPUT not in counts:
        return None
    if OUTPUT not in counts:
        # No zero is written: where a total says that there was something, it is left to be counted.
        known = counts[INPUT] + counts.get(TOOL_INPUT, 0)
        if REASONING in counts or counts.get(TOTAL, 0) <= known:
            counts[OUTPUT] = 0
    result = usage_of(counts, tier_of(tiers), None, _APART)
    if result is None or not queries:
        return result
    return with_units(result, fees_of_searches(queries, body.get("modelVersion")))
