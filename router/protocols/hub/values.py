"""Small readings that the readers of all protocols share: texts, arguments, media, counts."""

import re
from collections.abc import Container, Mapping
from typing import Any, Final
from uuid import uuid4

import orjson

from router.protocols.hub.conversation import Opaque
from router.protocols.tolerant_json import loads

_DATA_URL: Final = re.compile(r"data:([\w.+-]+/[\w.+-]+);base64,", re.ASCII)
_NO_ARGUMENTS: Final = frozenset({"", "null", "[]"})
IMPOSSIBLE: Final = 1 << 31  # tokens: more than any context window


def text_of(value: Any) -> str:
    """A text; TypeError for anything else."""
    if type(value) is not str:
        raise TypeError
    return value


def name_of(value: Any) -> str:
    """A name or an id: empty where there is none or it is no text."""
    return value if type(value) is str else ""


def call_id(told: Any, taken: Container[str] = ()) -> str:
    """A call's id as its server told it; one of ours where it told none, or one that is `taken`.

    Ours are unique in a whole conversation: Anthropic refuses a history where one stands twice.
    """
    id_ = name_of(told)
    return id_ if id_ and id_ not in taken else new_id("call_")


def new_id(prefix: str) -> str:
    """An id for what a server gave none: clients put together what has the same one."""
    return f"{prefix}{uuid4().hex[:24]}"


def arguments_text(value: Any) -> str:
    """A call's arguments as JSON text: some servers tell an object, some nothing in many ways."""
    if type(value) is str:
        return value if value[:1] == "{" or value.strip() not in _NO_ARGUMENTS else "{}"
    return orjson.dumps(value or {}).decode()


def arguments_object(text: str) -> dict[str, Any]:
    """A call's arguments as an object; what is no JSON object is wrapped, never lost."""
    try:
        value = loads(text)
    except orjson.JSONDecodeError:
        return {"input": text} if text.strip() else {}
    if type(value) is dict:
        return value
    return {"input": value} if value or value not in (None, []) else {}


def data_url(url: str) -> tuple[str, str] | None:
    """The media type and the base64 of a data URL; None for any other address."""
    match = _DATA_URL.match(url)
    return None if match is None else (match[1], url[match.end() :])


def count(value: Any) -> int | None:
    """A token count, or None for what cannot be one."""
    if type(value) is not int or not 0 <= value < IMPOSSIBLE:  # a boolean is no count
        return None
    return value


def unknown(
    protocol: str, where: str, fields: Mapping[str, Any], known: frozenset[str]
) -> tuple[Opaque, ...]:
    """The fields of an object that its reader does not know, as hints: dropped, but named."""
    if fields.keys() <= known:
        return ()
    return tuple(
        [
            Opaque(protocol, f"{where}.{str(name)[:64]}", value, hint=True)
            for name, value in fields.items()
            if name not in known and value not in (None, [], {}, "", False)
        ]
    )
