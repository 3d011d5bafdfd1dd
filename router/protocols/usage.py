"""Token counts as servers report them, made one: what is billed is decided here, for all dialects.

Rules: input includes what was cached; output includes the reasoning, also where a server adds it to
the total only; an explicit zero is a value, only a missing field is missing; a count that is
negative, no integer, or more output than was allowed cannot be true, so the gateway counts for
itself and says `estimated`. Usage may come twice: the last one counts, never the sum.
"""

from collections.abc import Mapping
from operator import itemgetter
from types import MappingProxyType
from typing import Any, Final

from router.ask import Ask
from router.domain import Usage
from router.protocols.hub.values import IMPOSSIBLE, count
from router.protocols.reported_cost import NAMES, reported_cost

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
_COUNTS: Final = ("prompt_tokens", "completion_tokens", "total_tokens")
_THREE: Final = itemgetter(*_COUNTS)
_USUAL: Final = frozenset((*_COUNTS, "prompt_tokens_details", "completion_tokens_details"))
BYTES_PER_TOKEN: Final = 4  # of text, where nobody counted
TOKENS_PER_IMAGE: Final = 1000


def read_usage(usage: Any, request: Ask) -> Usage | None:
    """An OpenAI-like `usage` object; None where it is missing or cannot be true."""
    try:
        prompt, completion, total = _THREE(usage)
    except (KeyError, TypeError):
        return _read_details(usage, request)
    # What most servers report: three counts that add up, and details that hold two more at most.
    if type(prompt) is type(completion) is int and total == prompt + completion:
        most = request.max_output_tokens
        possible = prompt >= 0 <= completion and total < IMPOSSIBLE
        if possible and (most is None or completion <= most):
            if len(usage) == 3:
                return Usage(prompt, completion)
            if usage.keys() <= _USUAL:
                return _usual(usage, prompt, completion) or _read_details(usage, request)
    return _read_details(usage, request)


def _usual(usage: Mapping[str, Any], prompt: int, completion: int) -> Usage | None:
    """What OpenAI tells of most requests, read quickly; None where it has to be looked at."""
    said, spoken = usage.get("prompt_tokens_details"), usage.get("completion_tokens_details")
    try:
        cached = said.get("cached_tokens", 0) if said else 0
        reasoning = spoken.get("reasoning_tokens", 0) if spoken else 0
        if said and "cache_write_tokens" in said:
            return None
    except (AttributeError, TypeError):  # no objects
        return None
    if type(cached) is type(reasoning) is int and 0 <= cached <= prompt:
        return (
            Usage(prompt, completion, cached, reasoning) if 0 <= reasoning <= completion else None
        )
    return None


def _read_details(usage: Any, request: Ask) -> Usage | None:
    result = counted(usage)
    return None if result is None or is_impossible(result.output_tokens, request) else result


def counted(usage: Any) -> Usage | None:
    """An OpenAI-like `usage` object, whatever it claims; None where it tells no counts."""
    if not isinstance(usage, dict):
        return None
    prompt = count(usage.get("prompt_tokens"))
    completion = count(usage.get("completion_tokens"))
    if prompt is None or completion is None:
        return None
    total = usage.get("total_tokens")
    output = completion
    if total != prompt + completion:
        output = max(completion, (count(total) or 0) - prompt)
    reasoning = count(_details(usage, "completion_tokens_details").get("reasoning_tokens")) or 0
    details = _details(usage, "prompt_tokens_details")
    cached = min(_cached(usage, details), prompt)
    cost = None if NAMES.isdisjoint(usage) else reported_cost(usage)
    if "cache_write_tokens" in details:
        written = min(count(details["cache_write_tokens"]) or 0, prompt - cached)
        return Usage(prompt, output, cached, min(reasoning, output), False, written, cost)
    return Usage(prompt, output, cached, min(reasoning, output), False, 0, cost)


def _cached(usage: Mapping[str, Any], details: Mapping[str, Any]) -> int:
    """Cached input tokens: the first place that tells them counts, an explicit zero included."""
    tokens = count(details.get("cached_tokens"))
    if tokens is None:
        tokens = count(usage.get("prompt_cache_hit_tokens"))
    if tokens is None:
        tokens = count(usage.get("cached_tokens"))
    return tokens or 0


def is_impossible(output: int, request: Ask) -> bool:
    """Whether a server claims more output than it was allowed to give."""
    limit = request.max_output_tokens
    return limit is not None and output > limit * request.choices


def estimate_usage(request: Ask, output_tokens: int) -> Usage:
    """The gateway's own count, for a server that told none that can be true."""
    return Usage(estimate_input(request), output_tokens, estimated=True, units=request.units)


def estimate_input(request: Ask) -> int:
    """Input tokens of a request, by the length of its text and the number of its images."""
    return -(-request.text_bytes // BYTES_PER_TOKEN) + request.images * TOKENS_PER_IMAGE


def estimate_output(text_bytes: int) -> int:
    """Output tokens by the length of the text."""
    return -(-text_bytes // BYTES_PER_TOKEN)


def _details(usage: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    details = usage.get(name)
    return details if isinstance(details, dict) else _NOTHING
