"""`usage` as servers of responses tell it, as lines, and written from them."""

from collections.abc import Mapping
from typing import Any, Final

from router.ask import Ask
from router.domain import Usage
from router.protocols.hub.answer import (
    CACHE_READ,
    INPUT,
    OUTPUT,
    REASONING,
    Lines,
    UsageLine,
    billed,
    totals,
    written_lines,
)
from router.protocols.hub.conversation import NOTHING
from router.protocols.hub.values import count
from router.protocols.usage import is_impossible

_LIFETIMES: Final = (("30m", "ttl_30m_tokens"), ("12h", "ttl_12h_tokens"))


def read_response_usage(usage: Any, ask: Ask) -> Usage | None:
    """Native usage as the ledger counts it; None where it is missing or cannot be true."""
    result = billed(read_lines(usage))
    return None if result is None or is_impossible(result.output_tokens, ask) else result


def read_lines(usage: Any) -> Lines:
    """A `usage` object; no lines where it is missing or tells no counts."""
    if not isinstance(usage, Mapping):
        return ()
    given, output = count(usage.get("input_tokens")), count(usage.get("output_tokens"))
    if given is None or output is None:
        return ()
    details = _details(usage, "input_tokens_details")
    read = min(count(details.get("cached_tokens")) or 0, given)
    written = min(count(details.get("cache_write_tokens")) or 0, given - read)
    lines = [UsageLine(INPUT, given - read - written), UsageLine(OUTPUT, output)]
    if read:
        lines.append(UsageLine(CACHE_READ, read))
    if written:
        split = _details(details, "cache_write_tokens_details")
        lines += written_lines(written, [(one, count(split.get(name))) for one, name in _LIFETIMES])
    thought = count(_details(usage, "output_tokens_details").get("reasoning_tokens"))
    if thought:
        lines.append(UsageLine(REASONING, min(thought, output)))
    return tuple(lines)


def write_usage(lines: Lines) -> dict[str, Any]:
    """The lines as clients of responses expect them."""
    fresh, read, written, output, thought = totals(lines)
    given = fresh + read + written
    return {
        "input_tokens": given,
        "input_tokens_details": {"cached_tokens": read, "cache_write_tokens": written},
        "output_tokens": output,
        "output_tokens_details": {"reasoning_tokens": thought},
        "total_tokens": given + output,
    }


def _details(usage: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    details = usage.get(name)
    return details if isinstance(details, Mapping) else NOTHING
