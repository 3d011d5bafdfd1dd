"""How much of a whole answer a model said, where its server does not count: texts and arguments,
not the JSON around them. (Of a stream, each short event counts as a token.)"""

from typing import Any, Final

import orjson

from router.protocols.usage import estimate_output

# What a model says, in any protocol's words.
_SAID: Final = frozenset(
    (
        *("arguments", "content", "reasoning", "reasoning_content", "refusal", "text"),
        *("thinking", "transcript", "input"),
    )
)
_ARGUMENTS: Final = frozenset(("input", "args"))  # as objects


def spoken_tokens(answer: Any) -> int:
    """Output tokens of an answer's messages, blocks or items, by the length of what they say."""
    return estimate_output(_bytes(answer))


def _bytes(value: Any) -> int:
    if isinstance(value, list):
        return sum(map(_bytes, value))
    if not isinstance(value, dict):
        return 0
    size = 0
    for name, held in value.items():
        if isinstance(held, str):
            size += len(held.encode("utf-8", "surrogatepass")) if name in _SAID else 0
        elif name in _ARGUMENTS and isinstance(held, dict):
            size += len(orjson.dumps(held))
        else:
            size += _bytes(held)
    return size
