"""Every piece of text of a request, for the detectors: a field that nobody knows counts as text.

Left out are the top-level fields that each protocol lists, keys, and what is no text: media in
base64 and the seals that providers put on their own words.
"""

from typing import Any, Final

from policies.pii.pii import texts_of
from router.ask import Ask

# Names of models and of end users, numbers, switches, words of a fixed list.
_COMMON: Final = frozenset(
    {
        *("model", "stream", "temperature", "top_p", "top_k", "n", "seed", "user"),
        *("service_tier", "max_tokens"),
    }
)
_CHAT: Final = _COMMON | {
    *("max_completion_tokens", "stream_options", "frequency_penalty", "presence_penalty"),
    *("logprobs", "top_logprobs", "logit_bias", "parallel_tool_calls", "reasoning_effort"),
    *("modalities", "store", "verbosity"),
}
_MESSAGES: Final = _COMMON | {"metadata", "thinking"}
_SEALS: Final = frozenset({"signature", "encrypted_content", "encrypted_index"})
_SIGNS: Final = (b'"data"', b'"signature"', b'"encrypted_')


def chat_texts(ask: Ask) -> list[str]:
    """The texts of a chat completion's body."""
    return _texts(ask, _CHAT)


def message_texts(ask: Ask) -> list[str]:
    """The texts of a message's body."""
    return _texts(ask, _MESSAGES)


def _texts(ask: Ask, others: frozenset[str]) -> list[str]:
    raw, found = ask.raw, []
    # Most requests hold nothing of the kind, which a search of the bytes tells quickly.
    mixed = any(map(raw.__contains__, _SIGNS))
    for name, held in ask.body.items():
        if name not in others:
            found += texts_of(_without_media(held) if mixed else held)
    return found


def _without_media(held: Any) -> Any:
    if isinstance(held, list):
        return [_without_media(inner) for inner in held]
    if not isinstance(held, dict):
        return held
    sealed = "media_type" in held or "format" in held or held.get("type") == "redacted_thinking"
    return {
        name: _without_media(inner)
        for name, inner in held.items()
        if name not in _SEALS and not (sealed and name == "data")
    }
