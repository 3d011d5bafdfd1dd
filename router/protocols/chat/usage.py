"""`usage` as OpenAI's servers tell it, read as lines and written from them.

Rules: input includes what was cached; output includes the reasoning, also where a server adds it to
the total only; an explicit zero is a value, only a missing field is missing.
"""

from collections.abc import Mapping
from typing import Any

from router.protocols.hub.answer import (
    CACHE_READ,
    CACHE_WRITE,
    INPUT,
    OUTPUT,
    REASONING,
    Lines,
    lines_of,
    total,
)
from router.protocols.hub.conversation import NOTHING
from router.protocols.hub.told import count


def read_usage(usage: Any) -> Lines:
    """A `usage` object; no lines where it is missing or tells no counts."""
    if not isinstance(usage, Mapping):
        return ()
    prompt, completion = count(usage.get("prompt_tokens")), count(usage.get("completion_tokens"))
    if prompt is None or completion is None:
        return ()
    output = completion
    told = count(usage.get("total_tokens"))
    if told is not None and told != prompt + completion:
        output = max(completion, told - prompt)
    input_ = _details(usage, "prompt_tokens_details")
    read = min(_cached(usage, input_), prompt)
    written = min(count(input_.get("cache_write_tokens")) or 0, prompt - read)
    reasoning = count(_details(usage, "completion_tokens_details").get("reasoning_tokens")) or 0
    return lines_of(
        (
            (INPUT, prompt - read - written),
            (CACHE_READ, read),
            (CACHE_WRITE, written),
            (OUTPUT, output),
            (REASONING, min(reasoning, output)),
        )
    )


def write_usage(lines: Lines) -> dict[str, Any]:
    """The lines as OpenAI's clients expect them; what was written to a cache stands beside."""
    read, written = total(lines, CACHE_READ), total(lines, CACHE_WRITE)
    prompt = total(lines, INPUT) + read + written
    completion = total(lines, OUTPUT)
    details = {"cached_tokens": read}
    if written:
        details["cache_write_tokens"] = written
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": details,
        "completion_tokens_details": {"reasoning_tokens": total(lines, REASONING)},
    }


def _cached(usage: Mapping[str, Any], details: Mapping[str, Any]) -> int:
    """Cached input tokens: the first place that tells them counts, an explicit zero included."""
    for holder, name in (
        (details, "cached_tokens"),
        (usage, "prompt_cache_hit_tokens"),
        (usage, "cached_tokens"),
    ):
        told = count(holder.get(name))
        if told is not None:
            return told
    return 0


def _details(usage: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    details = usage.get(name)
    return details if isinstance(details, Mapping) else NOTHING
