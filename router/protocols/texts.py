"""Every piece of text of a request, for the detectors: a field that nobody knows counts as text.

Left out are the top-level fields that each protocol lists, and of the conversation keys and what is
no text: media in base64 and the seals that providers put on their own words.
"""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Any, Final

import orjson

from policies.pii.pii import plain_texts_of, texts_of
from router.ask import Ask
from router.protocols.ahead import outline_of

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
_CONTENT: Final = frozenset({"model", "generationConfig", "safetySettings"})
_RESPONSES: Final = _COMMON | {
    *("max_output_tokens", "max_tool_calls", "stream_options", "top_logprobs", "include", "store"),
    *("parallel_tool_calls", "truncation", "reasoning", "background", "background_options"),
    *("previous_response_id", "conversation", "prompt_cache_key", "prompt_cache_retention"),
    *("prompt_cache_options", "safety_identifier", "context_management", "access_programs"),
}
_SEALS: Final = frozenset({"signature", "thoughtSignature", "encrypted_content", "encrypted_index"})
_CONVERSATION: Final = frozenset({"messages", "system", "contents", "systemInstruction"})
_TYPED: Final = ("media_type", "format", "mimeType")  # beside the bytes of what is no text


def chat_texts(ask: Ask) -> list[str]:
    """The texts of a chat completion's body."""
    body = ask.body
    names = body.keys() - _CHAT
    if len(names) == 1:  # mostly: the messages
        plain = plain_texts_of(body["messages"])
        if plain is not None:
            return plain
    return _texts(ask, names)


def message_texts(ask: Ask) -> list[str]:
    """The texts of a message's body."""
    return _texts(ask, ask.body.keys() - _MESSAGES)


def content_texts(ask: Ask) -> list[str]:
    """The texts of a body of Google's generateContent."""
    return _texts(ask, ask.body.keys() - _CONTENT)


def response_texts(ask: Ask) -> list[str]:
    """The texts of a response's body: what a prompt template is filled in with among them."""
    items = ask.body.get("input")
    texts = _texts(ask, ask.body.keys() - _RESPONSES - {"input"})
    if isinstance(items, str):
        return [*texts, items]
    return texts + texts_of(
        _without_media(items) if _may_hold_media(outline_of(ask.raw, ask.members)) else items
    )


def texts_but(*others: str) -> Callable[[Ask], list[str]]:
    """Reads the texts of bodies that are no conversations: every top-level field but these."""
    names = frozenset(others)

    def read(ask: Ask) -> list[str]:
        return _texts(ask, ask.body.keys() - names)

    return read


def _may_hold_media(raw: bytes) -> bool:
    """A quick look: most bodies hold nothing of the kind."""
    return b'"data"' in raw or b'ignature"' in raw or b'"encrypted_' in raw


def _texts(ask: Ask, names: AbstractSet[str]) -> list[str]:
    texts: list[str] = []
    mixed = _may_hold_media(outline_of(ask.raw, ask.members))
    for name in names:
        held = ask.body[name]
        if name in _CONVERSATION:
            texts += texts_of(_without_media(held) if mixed else held)
        elif isinstance(held, str):
            texts.append(held)
        elif _are_words(held):
            texts += held
        elif isinstance(held, dict | list) and held:
            texts.append(orjson.dumps(held).decode())  # as one text: tools are long and many
    return texts


def _are_words(held: Any) -> bool:
    return isinstance(held, list) and all(isinstance(inner, str) for inner in held)


def _without_media(held: Any) -> Any:
    if isinstance(held, list):
        return [_without_media(inner) for inner in held]
    if not isinstance(held, dict):
        return held
    sealed = any(map(held.__contains__, _TYPED)) or held.get("type") == "redacted_thinking"
    return {
        name: _without_media(inner)
        for name, inner in held.items()
        if name not in _SEALS and not (sealed and name == "data")
    }
