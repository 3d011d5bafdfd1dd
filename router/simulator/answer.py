"""The simulator's chat answers: made up from the request, and labelled as simulated.

The same request gets the same answer. It has the shape of a real one: text of a plausible length,
tool calls that fit the tool's schema, JSON that fits the schema asked for.
"""

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

_TOKEN: Final = re.compile(r"\s*\S{1,12}")
_SENTENCES: Final = (
    "This text stands in for the answer of a larger model.",
    "Its words were not written by a model, only its length and its pace are realistic.",
    "A real backend would now explain the matter step by step.",
    "First it would restate the question, then name the assumptions.",
    "Then it would work through the details and check the result.",
    "Where the question leaves room, it would say which reading it took.",
    "At the end it would sum up in a sentence or two.",
)
_DEPTH: Final = 8  # levels of a schema that are filled in


@dataclass(frozen=True, slots=True)
class SimulatedAnswer:
    """One made-up choice: its tokens, or the tool calls in their place."""

    tokens: tuple[str, ...]
    calls: tuple[dict[str, Any], ...]
    finish: str

    @property
    def text(self) -> str:
        """The tokens as one text."""
        return "".join(self.tokens)


def tokens_of(text: str) -> tuple[str, ...]:
    """Split a text into pieces about as long as tokens."""
    return tuple(_TOKEN.findall(text))


def prompt_tokens(body: Mapping[str, Any]) -> int:
    """Input tokens of a request, about four bytes each."""
    parts = [body.get("messages"), body.get("tools"), body.get("response_format")]
    return max(1, len(orjson.dumps(parts)) // 4)


def compose(body: Mapping[str, Any], label: str, choice: int) -> SimulatedAnswer:
    """Return choice number `choice` of the answer to a request."""
    call = _tool_call(body, choice)
    if call is not None:
        return SimulatedAnswer((), (call,), "tool_calls")
    tokens = tokens_of(_text(body, label, choice))
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    if isinstance(limit, int) and len(tokens) > limit:
        return SimulatedAnswer(tokens[:limit], (), "length")
    return SimulatedAnswer(tokens, (), "stop")


def _text(body: Mapping[str, Any], label: str, choice: int) -> str:
    wanted = body.get("response_format")
    if isinstance(wanted, Mapping) and wanted.get("type") == "json_schema":
        described = wanted.get("json_schema")
        schema = described.get("schema", {}) if isinstance(described, Mapping) else {}
        return orjson.dumps(instance(schema)).decode()
    if isinstance(wanted, Mapping) and wanted.get("type") == "json_object":
        return orjson.dumps({"simulated": True, "by": label}).decode()
    seed = zlib.crc32(orjson.dumps(body.get("messages"))) + choice
    count = 3 + seed % len(_SENTENCES)
    chosen = [_SENTENCES[(seed + n) % len(_SENTENCES)] for n in range(count)]
    return f"[{label}: no model wrote this] " + " ".join(chosen)


def _tool_call(body: Mapping[str, Any], choice: int) -> dict[str, Any] | None:
    """A call of the first tool; None if no call is wanted or the result is already there."""
    tools = body.get("tools")
    messages = body.get("messages") or [{}]
    if not tools or body.get("tool_choice") == "none" or messages[-1].get("role") == "tool":
        return None
    function = tools[0].get("function", {})
    return {
        "id": f"call_{zlib.crc32(orjson.dumps(messages)):08x}{choice}",
        "type": "function",
        "function": {
            "name": function.get("name", ""),
            "arguments": orjson.dumps(instance(function.get("parameters", {}))).decode(),
        },
    }


def instance(schema: Any, depth: int = 0) -> Any:
    """A value that fits a JSON schema of the usual kind."""
    if not isinstance(schema, Mapping) or depth > _DEPTH:
        return "simulated"
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    choices = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
    return instance(choices[0], depth + 1) if choices else _of_type(schema, depth)


def _of_type(schema: Mapping[str, Any], depth: int) -> Any:
    kind = schema.get("type", "object" if "properties" in schema else "string")
    if isinstance(kind, list):
        kind = kind[0]
    if kind == "object":
        properties = schema.get("properties") or {}
        return {name: instance(part, depth + 1) for name, part in properties.items()}
    if kind == "array":
        return [instance(schema.get("items"), depth + 1)]
    return {"integer": 1, "number": 1.5, "boolean": True, "null": None}.get(kind, "simulated")
