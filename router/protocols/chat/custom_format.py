"""What a custom tool's input is like: in chats a grammar stands in an object of its own."""

from collections.abc import Mapping
from typing import Any


def read_format(form: Any) -> Any:
    """A format of chats in the hub's words."""
    grammar = form.get("grammar") if isinstance(form, Mapping) else None
    return {"type": "grammar", **grammar} if isinstance(grammar, Mapping) else form


def write_format(form: Any) -> Any:
    """The hub's in those of chats."""
    if not isinstance(form, Mapping) or form.get("type") != "grammar" or "grammar" in form:
        return form
    grammar = {name: value for name, value in form.items() if name != "type"}
    return {"type": "grammar", "grammar": grammar}
