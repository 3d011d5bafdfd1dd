"""Token counts of OpenAI-like servers, and what the gateway counts where a server does not.

What servers tell is read by `told`; most of it is read here, quickly. Rules: an explicit zero is a
value, only a missing field is missing; a count that is negative or no integer cannot be true, nor
can an answer that is longer than was allowed, its thoughts and a token aside: that count alone is
the gateway's own, and the usage is `estimated`. Usage may come twice: the last one counts, never
the sum.
"""

from collections.abc import Mapping
from operator import itemgetter
from typing import Any, Final

from router.ask import Ask
from router.counters import INPUT, root_of
from router.domain import Usage
from router.protocols.hub.values import IMPOSSIBLE
from router.protocols.spellings import OPENAI
from router.protocols.told import UNTOLD, told

_COUNTS: Final = ("prompt_tokens", "completion_tokens", "total_tokens")
_THREE: Final = itemgetter(*_COUNTS)
_USUAL: Final = frozenset((*_COUNTS, "prompt_tokens_details", "completion_tokens_details"))
_OF_PROMPT: Final = frozenset(
    ("cached_tokens", "audio_tokens", "image_tokens", "cache_write_tokens", "text_tokens")
)
_OF_ANSWER: Final = frozenset(
    (
        *("reasoning_tokens", "audio_tokens", "image_tokens", "text_tokens"),
        *("accepted_prediction_tokens", "rejected_prediction_tokens"),  # paid as all output is
    )
)
BYTES_PER_TOKEN: Final = 4  # of text, where nobody counted
TOKENS_PER_IMAGE: Final = 1000


def read_usage(usage: Any, request: Ask) -> Usage | None:
    """An OpenAI-like `usage` object as far as it can be true; None where it tells nothing.

    Its output may be left to be counted: see `completed`.
    """
    try:
        prompt, completion, total = _THREE(usage)
    except (KeyError, TypeError):
        return believed(told(usage, OPENAI), request)
    # What most servers report: three counts that add up, and details that hold two more at most.
    if type(prompt) is type(completion) is int and total == prompt + completion:
        limit = request.max_output_tokens
        possible = prompt >= 0 <= completion and total < IMPOSSIBLE
        if possible and (limit is None or completion <= limit):
            if len(usage) == 3:
                return Usage(prompt, completion)
            if usage.keys() <= _USUAL and (quick := _usual(usage, prompt, completion)):
                return quick
    return believed(told(usage, OPENAI), request)


def told_by_openais(usage: Any) -> Usage | None:
    """The same, whatever was allowed: see `told`."""
    if isinstance(usage, dict) and usage.keys() <= _USUAL:
        prompt, completion = usage.get("prompt_tokens"), usage.get("completion_tokens")
        if type(prompt) is type(completion) is int and prompt >= 0 <= completion:
            total = prompt + completion
            if usage.get("total_tokens") == total < IMPOSSIBLE:
                return _usual(usage, prompt, completion) or told(usage, OPENAI)
    return told(usage, OPENAI)


def _usual(usage: Mapping[str, Any], prompt: int, completion: int) -> Usage | None:
    """What OpenAI tells of most requests, read quickly; None where it has to be looked at."""
    cached = reasoning = 0
    try:
        if said := usage.get("prompt_tokens_details"):
            cached = said["cached_tokens"]
            if len(said) > 1 and _is_odd(said, _OF_PROMPT):
                return None
        if spoken := usage.get("completion_tokens_details"):
            reasoning = spoken["reasoning_tokens"]
            if len(spoken) > 1 and _is_odd(spoken, _OF_ANSWER):
                return None
    except (KeyError, TypeError):  # none of it, or no objects
        return None
    if type(cached) is type(reasoning) is int and 0 <= cached <= prompt:
        return (
            Usage(prompt, completion, cached, reasoning) if 0 <= reasoning <= completion else None
        )
    return None


def _is_odd(details: Mapping[str, Any], known: frozenset[str]) -> bool:
    """Whether details tell of more than text."""
    if details.get("audio_tokens") or details.get("image_tokens"):
        return True
    return bool(details.get("cache_write_tokens")) or not details.keys() <= known


def believed(usage: Usage | None, request: Ask) -> Usage | None:
    """The same without an output that cannot be true, and with an input where none was told.

    Thoughts are no part of what a limit promises: some servers do not apply it to them. A token
    more may stand for the end of an answer.
    """
    if usage is None:
        return None
    limit = request.max_output_tokens
    if limit is not None and usage.output_tokens > limit:
        most = (limit + 1) * request.choices if limit else 0
        if usage.output_tokens - usage.reasoning_tokens > most:
            usage = _without_output(usage)
    if usage.input_tokens == UNTOLD:
        return usage._replace(input_tokens=estimate_input(request), estimated=True)
    return usage


def _without_output(usage: Usage) -> Usage:
    parts = tuple([each for each in usage.parts if root_of(each[0]) == INPUT])
    return usage._replace(output_tokens=UNTOLD, reasoning_tokens=0, parts=parts, estimated=True)


def completed(usage: Usage | None, request: Ask, output_tokens: int) -> Usage:
    """What a server told, and the gateway's own count where it told none that can be true."""
    if usage is None:
        return estimate_usage(request, output_tokens)
    if usage.output_tokens == UNTOLD:
        return usage._replace(output_tokens=output_tokens)
    return usage


def estimate_usage(request: Ask, output_tokens: int) -> Usage:
    """The gateway's own count, for a server that told none that can be true."""
    return Usage(estimate_input(request), output_tokens, estimated=True, units=request.units)


def estimate_input(request: Ask) -> int:
    """Input tokens of a request, by the length of its text and the number of its images."""
    return -(-request.text_bytes // BYTES_PER_TOKEN) + request.images * TOKENS_PER_IMAGE


def estimate_output(text_bytes: int) -> int:
    """Output tokens by the length of the text."""
    return -(-text_bytes // BYTES_PER_TOKEN)
