"""Plain values -> a pydantic model, its errors in our own words at their line and column."""

import math
import types
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from policies.findings import Finding, suggestion
from policies.language.source import Document, Path, resolve

Model = TypeVar("Model", bound=BaseModel)
_Words = Callable[[Mapping[str, Any], Any], tuple[str, str]]


def validate(model: type[Model], document: Document) -> tuple[Model | None, list[Finding]]:
    """The model's instance, or None and every finding. Never raises for a wrong document."""
    try:
        return model.model_validate(document.value), []
    except ValidationError as error:
        details = [d for d in error.errors(include_url=False) if not _other_member(d)]
        return None, [_finding(model, document, detail) for detail in details]


def _other_member(detail: Any) -> bool:
    """Whether this fault is of the member of a union that the writer did not mean."""
    if detail["type"] == "literal_error":
        return isinstance(detail["input"], dict)
    return detail["type"] in ("model_type", "dict_type") and _is_model_name(detail["loc"][-1:])


def _is_model_name(end: tuple[Any, ...]) -> bool:
    """Pydantic adds the class's name to the place of a fault inside a union."""
    return bool(end) and isinstance(end[0], str) and end[0][:1].isupper() and end[0].isalpha()


def _finding(model: type[BaseModel], document: Document, detail: Any) -> Finding:
    kind, loc = detail["type"], detail["loc"]
    path, in_key = _path(document.value, loc)
    context: Mapping[str, Any] = detail.get("ctx") or {}
    line, column = document.key_position(path) if in_key else document.position_of(path)
    if kind == "extra_forbidden":
        line, column = document.key_position(path)
        message = f"unknown key `{path[-1]}`"
        hint = suggestion(str(path[-1]), _known_keys(model, path[:-1]), what="keys here")
    elif kind == "missing":
        line, column = document.key_position(path)
        message, hint = f"`{loc[-1]}` is missing", _example(model, (*path, loc[-1]))
    elif kind in _WORDS:
        message, hint = _WORDS[kind](context, detail["input"])
        hint = hint or _example(model, path)
    else:
        message, hint = detail["msg"], str(context.get("hint", ""))
    return Finding(document.filename, line, column, "error", _named(path, message), hint, kind)


def _example(model: type[BaseModel], path: Path) -> str:
    """How the key is written, from the `examples` of its field."""
    if not path:
        return ""
    annotation: Any = model
    for part in path[:-1]:
        annotation = _step(annotation, part)
    owner = _model_of(annotation)
    for name, info in ({} if owner is None else owner.model_fields).items():
        if (info.alias or name) == path[-1] and info.examples:
            return f"for example: {path[-1]}: {_flow(info.examples[0])}"
    return ""


def _flow(value: Any) -> str:
    """A value in YAML's flow style."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return str(value)


def _named(path: Path, message: str) -> str:
    """Put the key before a message that does not name one."""
    if not message.startswith(("must", "has ", "is ", "needs ")):
        return message
    name = next((part for part in reversed(path) if isinstance(part, str)), None)
    return f"`{name}` {message}" if name else message


def _path(value: Any, loc: tuple[Any, ...]) -> tuple[Path, bool]:
    """The document path of a pydantic location, and whether it means a key rather than a value.

    Location parts that the document does not have (names of union members, missing keys) are
    left out.
    """
    path: list[str | int] = []
    for part in loc:
        if part == "[key]":
            return tuple(path), True
        if (isinstance(value, dict) and part in value) or (
            isinstance(value, list) and isinstance(part, int) and part < len(value)
        ):
            path.append(part)
            value = value[part]
    return tuple(path), False


def _known_keys(model: type[BaseModel], path: Path) -> list[str]:
    """The keys that the model knows at `path`."""
    annotation: Any = model
    for part in path:
        annotation = _step(annotation, part)
    return list(_fields(_model_of(annotation)))


def _step(annotation: Any, part: str | int) -> Any:
    model = _model_of(annotation)
    if model is not None:
        return _fields(model).get(str(part))
    for option in _options(annotation):
        if get_origin(option) in (dict, list, tuple):
            return get_args(option)[-1 if get_origin(option) is dict else 0]
    return None


def _fields(model: type[BaseModel] | None) -> dict[str, Any]:
    if model is None:
        return {}
    return {info.alias or name: info.annotation for name, info in model.model_fields.items()}


def _model_of(annotation: Any) -> type[BaseModel] | None:
    for option in _options(annotation):
        if isinstance(option, type) and issubclass(option, BaseModel):
            return option
    return None


def _options(annotation: Any) -> list[Any]:
    """The members of a union, without Annotated's decoration."""
    if get_origin(annotation) is Annotated:
        return _options(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return [option for arg in get_args(annotation) for option in _options(arg)]
    return [annotation]


def _shown(value: Any) -> str:
    """A wrong value as the file has it, shortened."""
    for kind, words in ((dict, "a mapping"), (list, "a list"), (type(None), "nothing")):
        if isinstance(value, kind):
            return words
    if isinstance(value, str) and not isinstance(resolve(value), str):
        return f'the text `"{value[:40]}"`'
    if isinstance(value, float) and not math.isfinite(value):
        return f"`.{value}`"
    return f"`{str(value).lower() if isinstance(value, bool) else str(value)[:40]}`"


def _must_be(what: str) -> _Words:
    return lambda _context, value: (f"must be {what}, not {_shown(value)}", "")


def _bound(word: str, key: str) -> _Words:
    def words(context: Mapping[str, Any], value: Any) -> tuple[str, str]:
        limit = context[key]
        percent = key == "le" and limit == 1 and value <= 100
        hint = f"a share of 1: write {value / 100:g} for {value:g} %" if percent else ""
        return (
            f"must be {word} {int(limit) if limit == int(limit) else limit}, not {_shown(value)}",
            hint,
        )

    return words


def _too_short(context: Mapping[str, Any], _value: Any) -> tuple[str, str]:
    least = context["min_length"]
    return ("must not be empty" if least == 1 else f"needs at least {least} entries"), ""


def _choices(context: Mapping[str, Any], value: Any) -> tuple[str, str]:
    options = [
        part.strip().strip("'") for part in context["expected"].replace(" or ", ", ").split(",")
    ]
    listed = " or ".join((", ".join(options[:-1]), options[-1])) if len(options) > 1 else options[0]
    hint = suggestion(str(value), options, what="values") if str(value) not in options else ""
    return f"must be {listed}, not {_shown(value)}", hint if hint.startswith("did") else ""


_WORDS: Final[dict[str, _Words]] = {
    "int_type": _must_be("a whole number"),
    "int_from_float": _must_be("a whole number"),
    "int_parsing": _must_be("a whole number"),
    "float_type": _must_be("a number"),
    "float_parsing": _must_be("a number"),
    "finite_number": _must_be("a finite number"),
    "bool_type": _must_be("true or false"),
    "bool_parsing": _must_be("true or false"),
    "string_type": _must_be("text"),
    "list_type": _must_be("a list"),
    "dict_type": _must_be("a mapping"),
    "model_type": _must_be("a mapping"),
    "model_attributes_type": _must_be("a mapping"),
    "literal_error": _choices,
    "greater_than": _bound("over", "gt"),
    "greater_than_equal": _bound("at least", "ge"),
    "less_than": _bound("under", "lt"),
    "less_than_equal": _bound("at most", "le"),
    "too_short": _too_short,
    "too_long": lambda context, _value: (f"has over {context['max_length']} entries", ""),
    "string_too_short": lambda _context, _value: ("must not be empty", ""),
    "string_too_long": lambda context, _value: (f"is over {context['max_length']} characters", ""),
    "string_pattern_mismatch": lambda _context, value: (
        f"{_shown(value)} is not a name",
        "letters, digits and . _ - : / only, up to 64, beginning with a letter or digit",
    ),
}
