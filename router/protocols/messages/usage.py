"""What Anthropic's answers say of themselves: usage with its cache counters, and errors."""

from collections.abc import Mapping
from types import MappingProxyType
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
from router.protocols.passage import ErrorInside
from router.protocols.usage import is_impossible

_LIFETIMES: Final = (("5m", "ephemeral_5m_input_tokens"), ("1h", "ephemeral_1h_input_tokens"))
_STATUS: Final = MappingProxyType(
    {
        "invalid_request_error": 400,
        "authentication_error": 401,
        "billing_error": 402,
        "permission_error": 403,
        "not_found_error": 404,
        "rate_limit_error": 429,
        "timeout_error": 504,
        "overloaded_error": 529,
    }
)


def refuse_message_error(event: Mapping[str, Any]) -> None:
    """Raise ErrorInside where this is `{"type": "error", ...}`."""
    if event.get("type") != "error" and "error" not in event:
        return
    error = event.get("error") or {}
    kind = error.get("type") if isinstance(error, Mapping) else None
    words = error.get("message", "an error") if isinstance(error, Mapping) else error
    raise ErrorInside(str(words)[:500], _STATUS.get(str(kind), 502), event)


def read_message_usage(usage: Any, ask: Ask) -> Usage | None:
    """Native usage as the ledger counts it; None where it is missing or cannot be true."""
    result = billed(read_lines(usage))
    return None if result is None or is_impossible(result.output_tokens, ask) else result


def read_lines(usage: Any) -> Lines:
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
        split = _details(usage, "cache_creation")
        lines += written_lines(written, [(one, count(split.get(name))) for one, name in _LIFETIMES])
    thought = count(_details(usage, "output_tokens_details").get("thinking_tokens"))
    if thought:
        lines.append(UsageLine(REASONING, min(thought, output)))
    return tuple(lines)


def write_usage(lines: Lines) -> dict[str, Any]:
    """The lines as Anthropic's clients expect them."""
    fresh, read, written, output, thought = totals(lines)
    result: dict[str, Any] = {
        "input_tokens": fresh,
        "output_tokens": output,
        "cache_read_input_tokens": read,
        "cache_creation_input_tokens": written,
    }
    lifetimes = {line.lifetime: line.count for line in lines if line.lifetime} if written else None
    if lifetimes:
        result["cache_creation"] = {name: lifetimes.get(one, 0) for one, name in _LIFETIMES}
    if thought:
        result["output_tokens_details"] = {"thinking_tokens": thought}
    return result


def _details(usage: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    details = usage.get(name)
    return details if isinstance(details, Mapping) else NOTHING
