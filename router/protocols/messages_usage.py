"""`usage` as Anthropic's servers tell it: what the cache gave and took stands beside the input."""

from collections.abc import Mapping
from typing import Any, Final

from router.protocols.answer import (
    CACHE_READ,
    CACHE_WRITE,
    INPUT,
    OUTPUT,
    REASONING,
    Lines,
    UsageLine,
    total,
)
from router.protocols.conversation import NOTHING
from router.protocols.told import count

_LIFETIMES: Final = (("5m", "ephemeral_5m_input_tokens"), ("1h", "ephemeral_1h_input_tokens"))


def read_usage(usage: Any) -> Lines:
    """A `usage` object; no lines where it is missing or tells no counts."""
    if not isinstance(usage, Mapping):
        return ()
    fresh, output = count(usage.get("input_tokens")), count(usage.get("output_tokens"))
    if fresh is None or output is None:
        return ()
    lines = [UsageLine(INPUT, fresh), UsageLine(OUTPUT, output)]
    read = count(usage.get("cache_read_input_tokens"))
    if read:
        lines.append(UsageLine(CACHE_READ, read))
    written = count(usage.get("cache_creation_input_tokens"))
    if written:
        lines += _written(written, _details(usage, "cache_creation"))
    thought = count(_details(usage, "output_tokens_details").get("thinking_tokens"))
    if thought:
        lines.append(UsageLine(REASONING, min(thought, output)))
    return tuple(lines)


def _written(written: int, details: Mapping[str, Any]) -> list[UsageLine]:
    """What the cache took, by lifetime where that is told."""
    lines = [
        UsageLine(CACHE_WRITE, some, lifetime)
        for lifetime, name in _LIFETIMES
        if (some := count(details.get(name)))
    ]
    rest = written - sum([line.count for line in lines])
    if rest > 0:
        lines.append(UsageLine(CACHE_WRITE, rest))
    return lines


def write_usage(lines: Lines) -> dict[str, Any]:
    """The lines as Anthropic's clients expect them."""
    told: dict[str, Any] = {
        "input_tokens": total(lines, INPUT),
        "output_tokens": total(lines, OUTPUT),
        "cache_read_input_tokens": total(lines, CACHE_READ),
        "cache_creation_input_tokens": total(lines, CACHE_WRITE),
    }
    lifetimes = {line.lifetime: line.count for line in lines if line.lifetime}
    if lifetimes:
        told["cache_creation"] = {name: lifetimes.get(one, 0) for one, name in _LIFETIMES}
    thought = total(lines, REASONING)
    if thought:
        told["output_tokens_details"] = {"thinking_tokens": thought}
    return told


def _details(usage: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    details = usage.get(name)
    return details if isinstance(details, Mapping) else NOTHING
