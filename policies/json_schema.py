"""Whether a value fits a JSON schema, for the part of JSON Schema that structured outputs use.

type, enum, const, properties, required, additionalProperties, items, anyOf, oneOf, allOf, local
$ref, and the bounds of numbers, texts and arrays. A keyword that is not known here constrains
nothing: an answer is only called wrong where it surely is.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

_DEPTH: Final = 64

_TYPES: Final[Mapping[str, Callable[[Any], bool]]] = MappingProxyType(
    {
        "object": lambda value: isinstance(value, dict),
        "array": lambda value: isinstance(value, list),
        "string": lambda value: isinstance(value, str),
        "boolean": lambda value: isinstance(value, bool),
        "null": lambda value: value is None,
        "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
        "integer": lambda value: (
            isinstance(value, int | float) and not isinstance(value, bool) and value == int(value)
        ),
    }
)
_BOUNDS: Final[Mapping[str, Callable[[Any, Any], bool]]] = MappingProxyType(
    {
        "minimum": lambda value, bound: not _number(value) or value >= bound,
        "maximum": lambda value, bound: not _number(value) or value <= bound,
        "exclusiveMinimum": lambda value, bound: not _number(value) or value > bound,
        "exclusiveMaximum": lambda value, bound: not _number(value) or value < bound,
        "minLength": lambda value, bound: not isinstance(value, str) or len(value) >= bound,
        "maxLength": lambda value, bound: not isinstance(value, str) or len(value) <= bound,
        "minItems": lambda value, bound: not isinstance(value, list) or len(value) >= bound,
        "maxItems": lambda value, bound: not isinstance(value, list) or len(value) <= bound,
    }
)


def misfit(value: Any, schema: Any) -> str | None:
    """Where the value does not fit the schema, as a path; None where it fits."""
    try:
        return _check(value, schema, _Root(schema, _DEPTH), "$")
    except (TypeError, ValueError, KeyError, OverflowError):
        return None  # the schema itself is odd: nothing is sure


class _Root:
    """The whole schema, where references lead, and how deep it may still go."""

    __slots__ = ("left", "schema")

    def __init__(self, schema: Any, left: int) -> None:
        self.schema = schema
        self.left = left

    def deeper(self) -> "_Root":
        return _Root(self.schema, self.left - 1)

    def find(self, reference: str) -> Any:
        target = self.schema
        for part in reference.removeprefix("#").strip("/").split("/"):
            if part:
                target = target[part]
        return target


def _check(value: Any, schema: Any, root: _Root, path: str) -> str | None:
    if schema is False:
        return path
    if not isinstance(schema, Mapping) or root.left <= 0:
        return None
    if "$ref" in schema:
        return _check(value, root.find(schema["$ref"]), root.deeper(), path)
    if not _plain_fit(value, schema):
        return path
    error = _unions(value, schema, root, path)
    if error is None and isinstance(value, dict):
        error = _object(value, schema, root, path)
    if error is None and isinstance(value, list) and "items" in schema:
        error = next(
            (
                error
                for at, item in enumerate(value)
                if (error := _check(item, schema["items"], root.deeper(), f"{path}[{at}]"))
            ),
            None,
        )
    return error


def _plain_fit(value: Any, schema: Mapping[str, Any]) -> bool:
    """type, enum, const and bounds."""
    kinds = schema.get("type", ())
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(_TYPES[kind](value) for kind in kinds if kind in _TYPES):
        return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    if "const" in schema and value != schema["const"]:
        return False
    return all(fits(value, schema[name]) for name, fits in _BOUNDS.items() if name in schema)


def _unions(value: Any, schema: Mapping[str, Any], root: _Root, path: str) -> str | None:
    for name in ("anyOf", "oneOf"):
        choices = schema.get(name)
        if choices and all(_check(value, choice, root.deeper(), path) for choice in choices):
            return path
    for part in schema.get("allOf") or ():
        wrong = _check(value, part, root.deeper(), path)
        if wrong:
            return wrong
    return None


def _object(value: dict[str, Any], schema: Mapping[str, Any], root: _Root, path: str) -> str | None:
    properties = schema.get("properties") or {}
    for name in schema.get("required") or ():
        if name not in value:
            return f"{path}.{name}"
    others = schema.get("additionalProperties", True)
    for name, item in value.items():
        wrong = _check(item, properties.get(name, others), root.deeper(), f"{path}.{name}")
        if wrong:
            return wrong
    return None


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
