"""What Anthropic's answers say of themselves: usage with its cache counters, and errors."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from router.ask import Ask
from router.counters import CACHED, WRITTEN, summed
from router.domain import Usage
from router.protocols.hub.answer import HOUR, SERVED, Lines, totals
from router.protocols.hub.usage_lines import lines_of_usage, with_lifetimes
from router.protocols.hub.values import count
from router.protocols.passage import ErrorInside
from router.protocols.spellings import MESSAGES, ROUNDS_APART
from router.protocols.told import UNTOLD, told
from router.protocols.usage import believed
from router.units import WEB_SEARCH

_APART: Final = frozenset((CACHED, WRITTEN))
_TIERS: Final = ("priority", "batch")  # that clients know
_PROMPT: Final = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
_LIFETIMES: Final = (("5m", "ephemeral_5m_input_tokens"), (HOUR, "ephemeral_1h_input_tokens"))
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


def overlay(known: dict[str, Any], usage: Any) -> None:
    """Let a later event's counts stand in for earlier ones. What it leaves out stays, and a prompt
    that was told does not become nothing: some proxies fill in zeros.
    """
    if not isinstance(usage, dict):
        return
    empty = not any(usage.get(name) for name in _PROMPT)
    for name, value in usage.items():
        if value is not None and not (empty and name in _PROMPT and known.get(name)):
            known[name] = value


def read_message_usage(usage: Any, ask: Ask) -> Usage | None:
    """Native usage as the ledger counts it, as far as it can be true; None where it is missing."""
    return believed(_told(usage), ask)


def read_lines(usage: Any) -> Lines:
    """A `usage` object; no lines where it is missing or tells no counts."""
    lines = lines_of_usage(_told(usage))
    split = usage.get("cache_creation") if isinstance(usage, Mapping) else None
    if not isinstance(split, Mapping):
        return lines
    short, long = [count(split.get(name)) for _, name in _LIFETIMES]
    hours = sum([line.count for line in lines if line.lifetime == HOUR])
    if long and not hours:
        return lines  # they add up to more than was written
    return with_lifetimes(lines, ((_LIFETIMES[0][0], short), (HOUR, hours)))


def _told(usage: Any) -> Usage | None:
    """What the totals say, and the rounds that they leave out."""
    result = told(usage, MESSAGES, _APART)
    rounds = usage.get("iterations") if result is not None else None
    if result is None or not isinstance(rounds, list):
        return result
    for each in rounds:
        if isinstance(each, dict) and each.get("type") in ROUNDS_APART:
            result = _with_round(result, told(each, MESSAGES, _APART))
    return result


def _with_round(usage: Usage, more: Usage | None) -> Usage:
    if more is None or UNTOLD in (*usage[:2], *more[:2]):
        return usage
    return usage._replace(
        input_tokens=usage.input_tokens + more.input_tokens,
        output_tokens=usage.output_tokens + more.output_tokens,
        cached_tokens=usage.cached_tokens + more.cached_tokens,
        reasoning_tokens=usage.reasoning_tokens + more.reasoning_tokens,
        cache_write_tokens=usage.cache_write_tokens + more.cache_write_tokens,
        parts=summed((*usage.parts, *more.parts)),
    )


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
    for line in lines if len(lines) > 2 else ():
        if line.kind == WEB_SEARCH:
            result["server_tool_use"] = {"web_search_requests": line.count}
        elif line.kind == SERVED and line.tier in _TIERS:
            result["service_tier"] = line.tier
    if thought:
        result["output_tokens_details"] = {"thinking_tokens": thought}
    return result
