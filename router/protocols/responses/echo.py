"""What a response says of its request: the fields that official clients require of every answer."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import uuid4

from router.ask import Ask
from router.protocols.hub.answer import LENGTH, REFUSAL, WINDOW, Stop
from router.protocols.responses.parts import mapping_of
from router.protocols.responses.tools import Named, names_of_tools, searches

# Told as they came, or as they are where the request says nothing.
_TOLD: Final[Mapping[str, Any]] = {
    "frequency_penalty": 0.0,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "presence_penalty": 0.0,
    "prompt_cache_key": None,
    "safety_identifier": None,
    "service_tier": "default",
    "temperature": 1.0,
    "tool_choice": "auto",
    "top_logprobs": 0,
    "top_p": 1.0,
    "user": None,
}
# What a tool and a format of a kind have even where the request leaves it out.
_FILLED: Final[Mapping[str, Mapping[str, Any]]] = {
    "function": {"description": None, "parameters": None, "strict": True},
    "json_schema": {"description": None, "strict": False},
}
_PREFIXES: Final[Mapping[str, str]] = {
    "message": "msg",
    "reasoning": "rs",
    "function_call": "fc",
    "custom_tool_call": "ctc",
    "image_generation_call": "ig",
    "tool_search_call": "tsc",
}


class Around:
    """One response but for its output: its head, and the names and ids of its items.

    `searches` is whether the client itself looks for tools where the model calls for that.
    """

    __slots__ = ("_body", "_created", "_id", "_items", "_model", "_names", "_unique", "searches")

    def __init__(self, ask: Ask, created: int) -> None:
        """`created` is in seconds of Unix time."""
        self._body = ask.body
        self._created = created
        self._id = "resp_turnout"
        self._model: str | None = None
        self._items = 0
        self._unique = uuid4().hex[:24]
        self._names = names_of_tools(ask.body)
        self.searches = searches(ask.body)

    def begin(self, id_: str, model: str | None) -> None:
        """The answer's own id and model are known."""
        self._id, self._model = id_ or f"resp_{self._unique}", model

    def item_id(self, kind: str) -> str:
        """The id of the next item, unlike any other's in a conversation."""
        self._items += 1
        return f"{_PREFIXES[kind]}_{self._unique}{self._items:04x}"

    def name_of(self, flat: str) -> dict[str, str]:
        """A tool's name, and its namespace where it stands in one."""
        named: Named | None = self._names.get(flat)
        if named is None:
            return {"name": flat}
        return {"name": named.name, "namespace": named.namespace}

    def response(self, status: str, output: list[Any], usage: Any = None) -> dict[str, Any]:
        """The whole response. Nothing of it is stored here, whatever was asked."""
        body = self._body
        reasoning, text = mapping_of(body.get("reasoning")), mapping_of(body.get("text"))
        told = {
            name: default if body.get(name) is None else body[name]
            for name, default in _TOLD.items()
        }
        return {
            "id": self._id,
            "object": "response",
            "created_at": self._created,
            "status": status,
            "completed_at": self._created if status == "completed" else None,
            "background": False,
            "error": None,
            "incomplete_details": None,
            "model": self._model,
            "output": output,
            "previous_response_id": None,
            "reasoning": {"effort": None, "summary": None, **reasoning},
            "store": False,
            "text": {**text, "format": _filled(text.get("format") or {"type": "text"})},
            "tools": [_filled(tool) for tool in body.get("tools") or ()],
            "truncation": "disabled",
            "usage": usage,
            **told,
        }


def _filled(held: Any) -> Any:
    """A tool or a format with all that its kind has; what is not known is told as it came."""
    kind = held.get("type") if isinstance(held, dict) else None
    known = _FILLED.get(kind) if isinstance(kind, str) else None
    return held if known is None else {**known, **held}


def status_of(stop: Stop, *, refused: bool) -> tuple[str, dict[str, str] | None]:
    """How a response ended: its status, and why it is not complete, where it is not.

    A refusal that is told in words is an answer.
    """
    if stop.reason in (LENGTH, WINDOW):
        return "incomplete", {"reason": "max_output_tokens"}
    if stop.reason == REFUSAL and not refused:
        return "incomplete", {"reason": "content_filter"}
    return "completed", None
