"""What the writers of all protocols share: pieces of a stream, ids, arguments, tokens."""

import json
from collections.abc import Iterator
from typing import Any, Final

from conformance.scripted.heard import Heard
from conformance.scripted.scripts import Call

Json = dict[str, Any]
INPUT_TOKENS: Final = 21
OUTPUT_TOKENS: Final = 7
CREATED: Final = 1_790_000_000


def pieces(text: str, size: int = 7) -> Iterator[str]:
    """A text as it is streamed."""
    for start in range(0, len(text), size):
        yield text[start : start + size]


def identified(kind: str, heard: Heard) -> Json:
    """An id of its own at each step: some clients keep messages by their ids."""
    return {"id": f"{kind}_scripted{heard.name or len(heard.results)}"}


def arguments_of(call: Call) -> str:
    """As functions take them: free text in the one parameter that such a function has."""
    held = {"input": call.arguments} if isinstance(call.arguments, str) else call.arguments
    return json.dumps(held)
