"""The items of a response, as parts: of a request's input and of an answer's output."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from router.protocols.hub.conversation import Call, Image, Opaque, Part, Result, Text
from router.protocols.hub.values import arguments_text, name_of, text_of, unknown
from router.protocols.responses.parts import RESPONSES, read_parts
from router.protocols.responses.reasoning import read_reasoning
from router.protocols.responses.tools import SEARCH, flat_name, flat_tools

_AROUND: Final = frozenset(("id", "type", "status"))
_KNOWN: Final = MappingProxyType(
    {
        "message": _AROUND | {"role", "content"},
        "reasoning": _AROUND | {"summary", "content", "encrypted_content"},
        "function_call": _AROUND | {"call_id", "name", "arguments", "namespace"},
        "custom_tool_call": _AROUND | {"call_id", "name", "input", "namespace"},
        "function_call_output": _AROUND | {"call_id", "name", "output", "namespace"},
        "custom_tool_call_output": _AROUND | {"call_id", "output"},
        "tool_search_call": _AROUND | {"call_id", "arguments", "execution"},
        "tool_search_output": _AROUND | {"call_id", "tools", "execution"},
    }
)


def beside(kind: str, item: Mapping[str, Any], where: str) -> tuple[Opaque, ...]:
    """The fields of an item that its reader does not know."""
    known = _KNOWN.get(kind)
    return () if known is None else unknown(RESPONSES, where, item, known)


def read_answered(item: Mapping[str, Any], kind: str) -> list[Part]:
    """An item of the model's side; what the hub does not know is an Opaque."""
    if kind == "message":
        return list(read_parts(item["content"]))
    if kind == "reasoning":
        return [read_reasoning(item)]
    if kind in ("function_call", "custom_tool_call"):
        return [read_call(item, kind)]
    if kind == "tool_search_call" and item.get("execution") == "client":
        return [Call(text_of(item["call_id"]), SEARCH, arguments_text(item.get("arguments")))]
    if kind == "image_generation_call" and item.get("result"):
        form = name_of(item.get("output_format")) or "png"
        return [Image(f"image/{form}", text_of(item["result"]))]
    return [Opaque(RESPONSES, f"input: an item of type '{kind[:64]}'", item)]


def read_call(item: Mapping[str, Any], kind: str) -> Call:
    """A call of a tool that the client runs."""
    name = flat_name(name_of(item.get("namespace")), text_of(item["name"]))
    call_id = text_of(item["call_id"])
    if kind == "custom_tool_call":
        return Call(call_id, name, text_of(item.get("input") or ""), "custom")
    return Call(call_id, name, arguments_text(item.get("arguments")))


def read_result(item: Mapping[str, Any]) -> Result:
    """What a tool returned; one that answers no call is known by the tool's name."""
    if item.get("type") == "tool_search_output":
        return _found(item)
    name = flat_name(name_of(item.get("namespace")), name_of(item.get("name")))
    return Result(name_of(item.get("call_id")) or name, read_parts(item["output"]), name=name)


def _found(item: Mapping[str, Any]) -> Result:
    """What a client's search found: the tools themselves stand among the others."""
    names = [
        flat_name(namespace, text_of(tool["name"])) for namespace, tool in flat_tools(item["tools"])
    ]
    told = f"Found, and there from now on: {', '.join(names)}." if names else "Nothing was found."
    return Result(text_of(item["call_id"]), (Text(told),), name=SEARCH)
