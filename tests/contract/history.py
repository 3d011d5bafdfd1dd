"""What a history is, and the words of each protocol that histories are made of."""

from dataclasses import dataclass
from typing import Any

import orjson

from router.ask import Ask
from router.operations.chat import parse_chat
from router.operations.message import parse_message
from router.operations.response import parse_response

PIXEL = "iVBORw0KGgo="
PDF = "JVBERi0xLjQ="
PARSERS = {"chat": parse_chat, "messages": parse_message, "responses": parse_response}
IMAGE_URL = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
SOURCE = {"type": "base64", "media_type": "image/png", "data": PIXEL}


@dataclass(frozen=True, slots=True)
class History:
    """One of them: `said` are its texts, in the order in which a model must read them, `calls` the
    names and arguments of its calls in theirs, `returned` what each of these returned, and `seals`
    what `issuer` alone may see again."""

    protocol: str
    body: dict[str, Any]
    said: tuple[str, ...]
    calls: tuple[tuple[str, Any], ...] = ()
    returned: tuple[str, ...] = ()
    images: int = 0
    seals: tuple[str, ...] = ()
    issuer: str = ""
    only: frozenset[str] = frozenset()  # where it can go on at all; none: everywhere
    never: frozenset[str] = frozenset()  # where it cannot

    def ask(self) -> Ask:
        return PARSERS[self.protocol](orjson.dumps({"model": "a", **self.body}))


def chat(*messages: Any, **more: Any) -> dict[str, Any]:
    return {"messages": list(messages), **more}


def called(*calls: Any, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": None, "tool_calls": list(calls), **more}


def call(id_: str, city: str, **more: Any) -> dict[str, Any]:
    function = {"name": f"weather_{city}", "arguments": f'{{"city":"{city}"}}'}
    return {"id": id_, "type": "function", "function": function, **more}


def result(id_: str, content: Any) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": id_, "content": content}


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def messages(*messages: Any, **more: Any) -> dict[str, Any]:
    return {"max_tokens": 999, "messages": list(messages), **more}


def said(*content: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": list(content)}


def told(*content: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(content)}


def text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def used(id_: str, city: str) -> dict[str, Any]:
    return {"type": "tool_use", "id": id_, "name": f"weather_{city}", "input": {"city": city}}


def answered(id_: str, content: Any, **more: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": id_, "content": content, **more}


def item(role: str, text: str) -> dict[str, Any]:
    kind = "output_text" if role == "assistant" else "input_text"
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}


OSLO = ("weather_oslo", {"city": "oslo"})
ROME = ("weather_rome", {"city": "rome"})
PATCH = ("patch", "*** Begin Patch")
