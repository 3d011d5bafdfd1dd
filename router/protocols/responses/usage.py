"""`usage` as servers of responses tell it, as lines, and written from them."""

from collections.abc import Mapping
from typing import Any, Final

from router.ask import Ask
from router.domain import Usage
from router.protocols.fees import fees_of_items
from router.protocols.hub.answer import CACHE_WRITE, Lines, totals
from router.protocols.hub.conversation import NOTHING
from router.protocols.hub.usage_lines import (
    INPUT_DETAILS,
    OUTPUT_DETAILS,
    lines_of_usage,
    sums_of,
    with_fees,
    with_lifetimes,
    with_tier,
)
from router.protocols.hub.values import count
from router.protocols.spellings import OPENAI
from router.protocols.told import served, told, with_units
from router.protocols.usage import believed

_LIFETIMES: Final = (("30m", "ttl_30m_tokens"), ("12h", "ttl_12h_tokens"))


def read_response_usage(response: Mapping[str, Any], ask: Ask) -> Usage | None:
    """What a response says of its use, as far as it can be true; None where it tells no counts."""
    result = believed(told(response.get("usage"), OPENAI), ask)
    if result is None:
        return None
    return with_units(
        served(result, response.get("service_tier")), fees_of_items(response.get("output"))
    )


def lines_of_response(response: Mapping[str, Any]) -> Lines:
    """What a response says of its use; no lines where it tells no counts."""
    lines = read_lines(response.get("usage"))
    if not lines:
        return ()
    lines = with_fees(lines, fees_of_items(response.get("output")))
    return with_tier(lines, response.get("service_tier"))


def read_lines(usage: Any) -> Lines:
    """A `usage` object; no lines where it is missing or tells no counts."""
    lines = lines_of_usage(told(usage, OPENAI))
    if not any(line.kind == CACHE_WRITE for line in lines):
        return lines
    split = _inside(_inside(usage, "input_tokens_details"), "cache_write_tokens_details")
    if not split:
        return lines
    return with_lifetimes(lines, [(one, count(split.get(name))) for one, name in _LIFETIMES])


def write_usage(lines: Lines) -> dict[str, Any]:
    """The lines as clients of responses expect them."""
    fresh, read, written, output, thought = totals(lines)
    given = fresh + read + written
    of_input = {"cached_tokens": read, "cache_write_tokens": written}
    of_output = {"reasoning_tokens": thought}
    if len(lines) > 2:
        of_input |= sums_of(lines, INPUT_DETAILS)
        of_output |= sums_of(lines, OUTPUT_DETAILS)
    return {
        "input_tokens": given,
        "input_tokens_details": of_input,
        "output_tokens": output,
        "output_tokens_details": of_output,
        "total_tokens": given + output,
    }


def _inside(usage: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    inside = usage.get(name)
    return inside if isinstance(inside, Mapping) else NOTHING
