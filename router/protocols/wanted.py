"""What an answer to a request must fit, so that it can be checked: its form, and its tool calls."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from policies.verifier import Wanted

_NO_TOOLS: Final[Mapping[str, Any]] = MappingProxyType({})


def chat_wanted(body: Mapping[str, Any]) -> Wanted:
    """What a chat completion must fit."""
    chosen = _mapping(body.get("response_format"))
    form = chosen.get("type")
    tools = [_mapping(tool) for tool in _list(body.get("tools"))]
    functions = [_mapping(tool.get("function") or tool.get("custom")) for tool in tools]
    return Wanted(
        form if form in ("json_schema", "json_object") else None,
        _mapping(chosen.get("json_schema")).get("schema"),
        {str(function.get("name")): function.get("parameters") for function in functions},
        body.get("tool_choice") == "required",
    )


def message_wanted(body: Mapping[str, Any]) -> Wanted:
    """What a message must fit."""
    chosen = _mapping(_mapping(body.get("output_config")).get("format"))
    tools = [_mapping(tool) for tool in _list(body.get("tools"))]
    return Wanted(
        "json_schema" if chosen.get("type") == "json_schema" else None,
        chosen.get("schema"),
        {str(tool.get("name")): tool.get("input_schema") for tool in tools},
        _mapping(body.get("tool_choice")).get("type") == "any",
    )


def content_wanted(body: Mapping[str, Any]) -> Wanted:
    """What a response of generateContent must fit; Google's own kind of schemas is not read."""
    config = _mapping(body.get("generationConfig"))
    schema = config.get("responseJsonSchema")
    is_json = config.get("responseMimeType") == "application/json"
    declared = [
        _mapping(one)
        for tool in _list(body.get("tools"))
        for one in _list(_mapping(tool).get("functionDeclarations"))
    ]
    calling = _mapping(_mapping(body.get("toolConfig")).get("functionCallingConfig"))
    return Wanted(
        "json_schema" if schema is not None else "json_object" if is_json else None,
        schema,
        {str(one.get("name")): one.get("parametersJsonSchema") for one in declared},
        calling.get("mode") == "ANY",
    )


def nothing_wanted(_body: Mapping[str, Any]) -> Wanted:
    """Answers that have no form to be checked."""
    return Wanted()


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else _NO_TOOLS


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
