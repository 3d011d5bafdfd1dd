"""What a request asked, in no protocol's words: a reader a protocol."""

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

Json = dict[str, Any]


@dataclass(slots=True)
class Heard:
    """Texts of the user's, results of tools in their order, digests of images, tools by name.

    `parameters` are the schemas of tools by name, `chosen` the one that must be called; `hosted`
    are the tools that the server has itself, by type; `sealed` is what a client gives back of
    thoughts that it cannot read.
    """

    texts: list[str] = field(default_factory=list)
    results: list[str] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    tools: dict[str, str] = field(default_factory=dict)  # name -> "function" or "custom"
    hosted: list[str] = field(default_factory=list)
    sealed: list[str] = field(default_factory=list)
    name: str = ""  # of the answer, where it is to be kept
    forced: bool = False
    chosen: str = ""
    parameters: dict[str, Json] = field(default_factory=dict)
    schema: Any = None


def _many(held: Any) -> Iterator[Json]:
    """The parts of a content that may be one text, one part or a list of either."""
    for part in held if isinstance(held, list) else [held]:
        if isinstance(part, str):
            yield {"type": "text", "text": part}
        elif isinstance(part, dict):
            yield part


def _text(held: Any) -> str:
    return "".join(str(part["text"]) for part in _many(held) if isinstance(part.get("text"), str))


def _digest(encoded: str) -> str:
    """Of a data URL or plain base64, in the alphabet for URLs too: Google's clients use it."""
    held = encoded.rpartition(",")[2].rstrip("=")
    raw = base64.urlsafe_b64decode(
        held.replace("+", "-").replace("/", "_") + "=" * (-len(held) % 4)
    )
    return hashlib.sha256(raw).hexdigest()[:8]


def _function_tools(heard: Heard, tools: Iterable[Json]) -> None:
    """Tools of chats and of responses: the one nests what the other does not."""
    for tool in tools:
        kind = str(tool.get("type"))
        if kind in ("function", "custom"):
            held = tool.get(kind) or tool
            heard.tools[str(held["name"])] = kind
            heard.parameters[str(held["name"])] = held.get("parameters") or {}
        elif kind in ("local_shell", "apply_patch"):
            heard.tools[kind] = kind
        else:
            heard.hosted.append(kind)


def _is_forced(choice: Any) -> bool:
    return choice not in (None, "auto", "none") and not (
        isinstance(choice, dict) and choice.get("type") in ("auto", "none")
    )


def _choosing(choice: Any) -> Heard:
    """Whether a tool must be called, and which: the protocols nest its name differently."""
    held = choice if isinstance(choice, dict) else {}
    named = held.get("function") or held
    return Heard(forced=_is_forced(choice), chosen=str(named.get("name") or ""))


def read_chat(body: Json) -> Heard:
    """POST /v1/chat/completions."""
    heard = _choosing(body.get("tool_choice"))
    for message in body.get("messages") or ():
        content = message.get("content")
        if message["role"] == "tool":
            heard.results.append(_text(content))
        if message["role"] in ("user", "tool"):
            heard.images += [
                _digest(part["image_url"]["url"])
                for part in _many(content)
                if part.get("type") == "image_url"
            ]
        if message["role"] == "user":
            heard.texts.append(_text(content))
    _function_tools(heard, body.get("tools") or ())
    wanted = body.get("response_format") or {}
    if wanted.get("type") == "json_schema":
        heard.schema = wanted["json_schema"].get("schema")
    return heard


def read_responses(body: Json) -> Heard:
    """POST /v1/responses."""
    heard = _choosing(body.get("tool_choice"))
    held = body.get("input")
    items = [{"role": "user", "content": held}] if isinstance(held, str) else held or []
    for item in items:
        if str(item.get("type", "")).endswith("_call_output"):
            heard.results.append(_text(item.get("output")))
        if item.get("encrypted_content"):
            heard.sealed.append(str(item["encrypted_content"]))
        if item.get("role") == "user":
            heard.texts.append(_text(item.get("content")))
            heard.images += [
                _digest(part["image_url"])
                for part in _many(item.get("content"))
                if part.get("type") == "input_image"
            ]
    _function_tools(heard, body.get("tools") or ())
    wanted = (body.get("text") or {}).get("format") or {}
    if wanted.get("type") == "json_schema":
        heard.schema = wanted.get("schema")
    return heard


def read_messages(body: Json) -> Heard:
    """POST /v1/messages."""
    heard = _choosing(body.get("tool_choice"))
    for message in body.get("messages") or ():
        if message["role"] != "user":
            parts = _many(message.get("content"))
            heard.sealed += [str(part["signature"]) for part in parts if part.get("signature")]
            continue
        for part in _many(message.get("content")):
            if part.get("type") == "tool_result":
                heard.results.append(_text(part.get("content") or ""))
                heard.images += _anthropic_images(part.get("content"))
        heard.texts.append(_text(message.get("content")))
        heard.images += _anthropic_images(message.get("content"))
    for tool in body.get("tools") or ():
        if str(tool.get("type") or "custom") == "custom":
            heard.tools[str(tool["name"])] = "function"
            heard.parameters[str(tool["name"])] = tool.get("input_schema") or {}
        else:
            heard.hosted.append(str(tool["type"]))
    wanted = (body.get("output_config") or {}).get("format") or body.get("output_format") or {}
    heard.schema = wanted.get("schema")
    return heard


def _anthropic_images(content: Any) -> list[str]:
    return [
        _digest(part["source"]["data"]) for part in _many(content) if part.get("type") == "image"
    ]


def read_gemini(body: Json) -> Heard:
    """POST /v1beta/models/MODEL:generateContent."""
    config = body.get("generationConfig") or {}
    heard = Heard(schema=config.get("responseJsonSchema") or config.get("responseSchema"))
    for content in body.get("contents") or ():
        for part in content.get("parts") or ():
            if "functionResponse" in part:
                heard.results.append(_gemini_result(part["functionResponse"].get("response")))
            if "inlineData" in part and content.get("role") != "model":
                heard.images.append(_digest(part["inlineData"]["data"]))
        if content.get("role") != "model":
            heard.texts.append(_text(content.get("parts")))
    for tool in body.get("tools") or ():
        for declared in tool.get("functionDeclarations") or ():
            heard.tools[str(declared["name"])] = "function"
    mode = (body.get("toolConfig") or {}).get("functionCallingConfig", {}).get("mode")
    heard.forced = mode == "ANY"
    return heard


def _gemini_result(response: Any) -> str:
    """A result is an object; what it holds is told whichever key it stands under."""
    if isinstance(response, dict) and len(response) == 1:
        (held,) = response.values()
        if isinstance(held, str):
            return held
    return json.dumps(response, ensure_ascii=False)


READERS: Final[Mapping[str, Callable[[Json], Heard]]] = MappingProxyType(
    {
        "chat": read_chat,
        "responses": read_responses,
        "messages": read_messages,
        "gemini": read_gemini,
    }
)
