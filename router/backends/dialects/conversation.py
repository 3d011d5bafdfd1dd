"""A chat request read for servers that do not speak OpenAI: system text, turns, images, calls."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from router.ask import Ask

_DATA_URL: Final = re.compile(r"data:([\w.+-]+/[\w.+-]+);base64,", re.ASCII)
SYSTEM_ROLES: Final = frozenset({"system", "developer"})


class Unsupported(Exception):
    """This dialect cannot say what the request asks for; `param` is what it cannot say."""

    def __init__(self, param: str) -> None:
        super().__init__(param)
        self.param = param


@dataclass(frozen=True, slots=True)
class Image:
    """An image of a message: its data in base64 with its type, or the address where it lies."""

    media_type: str
    data: str
    url: str


def system_text(request: Ask) -> str:
    """All system and developer messages as one text."""
    return request.prompt.system


def turns(request: Ask) -> Iterator[Mapping[str, Any]]:
    """The messages that are not system messages, in order."""
    for message in request.body["messages"]:
        if message["role"] not in SYSTEM_ROLES:
            yield message


def parts(content: Any) -> Iterator[str | Image]:
    """A message's content as texts and images; Unsupported for sound, files and the like."""
    if isinstance(content, str):
        if content:
            yield content
        return
    for part in content or ():
        kind = part["type"]
        if kind in ("text", "refusal"):
            yield part[kind]
        elif kind == "image_url":
            yield _image(part)
        else:
            raise Unsupported(f"messages: content of type '{kind}'")


def text_of(content: Any) -> str:
    """The text of a message's content, images left out."""
    return "\n".join(part for part in parts(content) if isinstance(part, str))


def _image(part: Mapping[str, Any]) -> Image:
    holder = part.get("image_url")
    url = holder.get("url") if isinstance(holder, Mapping) else holder
    if not isinstance(url, str):
        raise Unsupported("messages: image_url")
    match = _DATA_URL.match(url)
    if match is None:
        return Image("", "", url)
    return Image(match[1], url[match.end() :], "")


def calls(message: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], str, dict[str, Any]]]:
    """An assistant's tool calls: the call, the tool's name, its arguments as an object."""
    for call in message.get("tool_calls") or ():
        function = call.get("function") if isinstance(call, Mapping) else None
        if not isinstance(function, Mapping):
            raise Unsupported("messages: tool_calls that are no functions")
        yield call, str(function.get("name", "")), arguments(function.get("arguments"))


def arguments(text: Any) -> dict[str, Any]:
    """The arguments of a tool call; what is no JSON object is wrapped, never lost."""
    try:
        value = orjson.loads(text or "{}")
    except (orjson.JSONDecodeError, TypeError):
        return {"input": str(text)}
    return value if isinstance(value, dict) else {"input": value}


def functions(request: Ask) -> Iterator[Mapping[str, Any]]:
    """The tools of a request; Unsupported for hosted ones."""
    for tool in request.body.get("tools") or ():
        function = tool.get("function")
        if not isinstance(function, Mapping):
            raise Unsupported(f"tools of type '{tool.get('type')}'")
        yield function


def chosen_tool(request: Ask) -> tuple[str, str | None]:
    """`tool_choice` as (auto | none | required | function, the function's name)."""
    choice = request.body.get("tool_choice")
    if choice is None or isinstance(choice, str):
        return choice or "auto", None
    function = choice.get("function") if isinstance(choice, Mapping) else None
    if not isinstance(function, Mapping):
        raise Unsupported("tool_choice")
    return "function", str(function.get("name", ""))


def wanted_schema(request: Ask) -> Any:
    """The JSON schema that the answer must fit; None where none is asked for."""
    chosen = request.body.get("response_format")
    if not isinstance(chosen, Mapping) or chosen.get("type") != "json_schema":
        return None
    described = chosen.get("json_schema")
    return described.get("schema") if isinstance(described, Mapping) else None


def stops(request: Ask) -> list[str]:
    """`stop` as a list."""
    stop = request.body.get("stop")
    if isinstance(stop, str):
        return [stop]
    return [text for text in stop or () if isinstance(text, str)]
