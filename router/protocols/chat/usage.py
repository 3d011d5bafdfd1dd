"""`usage` as OpenAI's servers tell it, as lines, and written from them."""

from typing import Any

from router.protocols.hub.answer import (
    Lines,
    lines_of_usage,
    totals,
)
from router.protocols.usage import counted


def read_usage(usage: Any) -> Lines:
    """A `usage` object; no lines where it is missing or tells no counts."""
    result = counted(usage)
    return () if result is None else lines_of_usage(result)


def write_usage(lines: Lines) -> dict[str, Any]:
    """The lines as OpenAI's clients expect them; what was written to a cache stands beside."""
    fresh, read, written, completion, reasoning = totals(lines)
    prompt = fresh + read + written
    details = {"cached_tokens": read}
    if written:
        details["cache_write_tokens"] = written
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": details,
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }
