"""Google's schemas: a selection of OpenAPI's, whose types are written large, as JSON Schema."""

from collections.abc import Mapping
from typing import Any, Final

_MOST: Final = 64  # levels
_ORDER: Final = "propertyOrdering"  # says nothing of what is valid


def json_schema(held: Any, level: int = 0) -> Any:
    """The same as JSON Schema. ValueError where it is nested too deeply."""
    if level > _MOST:
        raise ValueError("a schema that is nested too deeply")
    if not isinstance(held, Mapping):
        return held
    schema: dict[str, Any] = {}
    for name, value in held.items():
        if name == "properties" and isinstance(value, Mapping):
            schema[name] = {key: json_schema(one, level + 1) for key, one in value.items()}
        elif name in ("items", "additionalProperties"):
            schema[name] = json_schema(value, level + 1)
        elif name in ("anyOf", "prefixItems") and isinstance(value, list):
            schema[name] = [json_schema(one, level + 1) for one in value]
        elif name == "type" and isinstance(value, str):
            schema[name] = value.lower()
        elif name not in (_ORDER, "nullable"):
            schema[name] = value
    if held.get("nullable") and isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
    return schema
