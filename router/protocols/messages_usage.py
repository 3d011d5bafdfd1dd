"""What Anthropic's answers say of themselves: usage with its cache counters, and errors."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from router.ask import Ask
from router.domain import Usage
from router.protocols.passage import ErrorInside
from router.protocols.usage import count, is_impossible

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
# How a message ended, in the words of chat completions.
MESSAGE_FINISH: Final = MappingProxyType(
    {
        "end_turn": "stop",
        "stop_sequence": "stop",
        "pause_turn": "stop",
        "max_tokens": "length",
        "model_context_window_exceeded": "length",
        "tool_use": "tool_calls",
        "refusal": "content_filter",
    }
)


def refuse_message_error(told: Mapping[str, Any]) -> None:
    """Raise ErrorInside where this is `{"type": "error", ...}`."""
    if told.get("type") != "error" and "error" not in told:
        return
    error = told.get("error") or {}
    kind = error.get("type") if isinstance(error, Mapping) else None
    words = error.get("message", "an error") if isinstance(error, Mapping) else error
    raise ErrorInside(str(words)[:500], _STATUS.get(str(kind), 502))


def read_message_usage(usage: Any, ask: Ask) -> Usage | None:
    """Native usage, whose input_tokens leaves out what was read from and written to the cache."""
    if not isinstance(usage, Mapping):
        return None
    fresh, output = count(usage.get("input_tokens")), count(usage.get("output_tokens"))
    if fresh is None or output is None or is_impossible(output, ask):
        return None
    read = count(usage.get("cache_read_input_tokens")) or 0
    written = count(usage.get("cache_creation_input_tokens")) or 0
    details = usage.get("output_tokens_details")
    thought = details.get("thinking_tokens") if isinstance(details, Mapping) else 0
    return Usage(
        input_tokens=fresh + read + written,
        output_tokens=output,
        cached_tokens=read,
        reasoning_tokens=min(count(thought) or 0, output),
        cache_write_tokens=written,
    )
