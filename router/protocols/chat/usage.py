"""`usage` as OpenAI's servers tell it, as lines, and written from them."""

from collections.abc import Mapping
from typing import Any

from router.protocols.hub.answer import Lines, totals
from router.protocols.hub.usage_lines import (
    INPUT_DETAILS,
    OUTPUT_DETAILS,
    lines_of_usage,
    sums_of,
    with_tier,
)
from router.protocols.usage import told_by_openais


def read_usage(usage: Any, tier: Any = None) -> Lines:
    """A `usage` object, and the class of service that stands beside it; no lines where neither
    tells anything."""
    lines = lines_of_usage(told_by_openais(usage))
    return lines if tier is None else with_tier(lines, tier)


def counts_of(chunk: Mapping[str, Any]) -> Any:
    """Where a chunk of a stream tells its counts: Groq and Moonshot have places of their own."""
    counts = chunk.get("usage")
    if counts:
        return counts
    groq = chunk.get("x_groq")
    if isinstance(groq, Mapping) and groq.get("usage"):
        return groq["usage"]
    for choice in chunk.get("choices") or ():
        if choice.get("usage"):
            return choice["usage"]
    return counts


def write_usage(lines: Lines) -> dict[str, Any]:
    """The lines as OpenAI's clients expect them; what was written to a cache stands beside."""
    fresh, read, written, completion, reasoning = totals(lines)
    prompt = fresh + read + written
    details = {"cached_tokens": read}
    if written:
        details["cache_write_tokens"] = written
    spoken = {"reasoning_tokens": reasoning}
    if len(lines) > 2:
        details |= sums_of(lines, INPUT_DETAILS)
        spoken |= sums_of(lines, OUTPUT_DETAILS)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": details,
        "completion_tokens_details": spoken,
    }
