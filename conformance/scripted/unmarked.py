"""What is said to prompts that name no job: those of suites, which nobody may change.

Only what a request itself says is followed: a schema that must be met, a tool that must be called
or is spoken of. All else is greeted.
"""

import json
import re
from collections.abc import Callable
from typing import Any, Final

from conformance.scripted.heard import Heard
from conformance.scripted.scripts import HELLO, Call, Said, scripted

_FEW: Final = 2  # tools at most: agents offer many, and their prompts speak of all of them
_QUOTED: Final = re.compile(r"'([^']+)'")
_NUMBER: Final = re.compile(r"\d+")


def answer_to(heard: Heard) -> Said:
    """What is said next, to marked prompts by their script."""
    return scripted(heard) or answer_unmarked(heard)


def answer_unmarked(heard: Heard) -> Said:
    """An object by the schema, a call, or a greeting."""
    text = heard.texts[-1] if heard.texts else ""
    if heard.schema is not None:
        return Said(json.dumps(sample(heard.schema, text, heard.schema)))
    if keys := _QUOTED.findall(text) if "JSON" in text else ():
        return Said(json.dumps(dict.fromkeys(keys, "something")))
    name = _called(heard, text)
    if not name:
        return Said(HELLO)
    parameters = heard.parameters.get(name, {})
    return Said(calls=(Call(name, sample(parameters or {"type": "object"}, text, parameters)),))


def _called(heard: Heard, text: str) -> str:
    """The tool that must be called, or that the text speaks of and that has not been called yet."""
    if heard.forced and heard.tools:
        return heard.chosen or next(iter(heard.tools))
    if heard.results or len(heard.tools) > _FEW:
        return ""
    spoken = text.lower()
    words = ((name, name.lower().split("_")) for name in heard.tools)
    return next((name for name, parts in words if any(part in spoken for part in parts[1:])), "")


def sample(schema: Any, text: str, root: Any) -> Any:
    """A value by a schema; texts and numbers are those of the prompt, where it has some."""
    if "$ref" in schema:
        return sample(root["$defs"][schema["$ref"].rpartition("/")[2]], text, root)
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return sample(schema[key][0], text, root)
    if "enum" in schema:
        return schema["enum"][0]
    makers: dict[str, Callable[[], Any]] = {
        "object": lambda: {
            name: sample(inner, text, root)
            for name, inner in (schema.get("properties") or {}).items()
        },
        "array": lambda: [sample(schema.get("items") or {}, text, root)],
        "integer": lambda: int(next(iter(_NUMBER.findall(text)), "1")),
        "number": lambda: 1.5,
        "boolean": lambda: True,
    }
    made = makers.get(str(schema.get("type")))
    return made() if made else next(iter(_QUOTED.findall(text)), "something")
