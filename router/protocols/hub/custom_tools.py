"""Tools that take free text, for servers that know functions only: as a function of one string.

Its answers are turned back, so that a client gets the call of the tool it named. What a grammar
demands is told to the model in the tool's description: nothing holds it to that there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

import orjson

from router.protocols.hub.answer import Alternative, Answer
from router.protocols.hub.conversation import Call, Conversation, Part, Tool
from router.protocols.hub.events import (
    Event,
    PartClosed,
    PartDelta,
    PartOpened,
    StreamReader,
)
from router.protocols.hub.values import name_of
from router.protocols.tolerant_json import loads

_INPUT: Final = "input"
_PARAMETERS: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "type": "object",
        "properties": {_INPUT: {"type": "string", "description": "The whole input, as it is."}},
        "required": [_INPUT],
        "additionalProperties": False,
    }
)


def custom_names(conversation: Conversation) -> frozenset[str]:
    """The names of a conversation's custom tools, those that were only called included."""
    names = {
        tool.name for tool in conversation.tools if isinstance(tool, Tool) and tool.kind == "custom"
    }
    for turn in conversation.turns:
        if turn.role == "assistant":
            names |= {
                part.name for part in turn.parts if isinstance(part, Call) and part.kind == "custom"
            }
    return frozenset(names)


def with_functions(conversation: Conversation) -> Conversation:
    """The same conversation, its custom tools and their calls as functions."""
    return conversation._replace(
        tools=tuple(
            [_function(tool) if isinstance(tool, Tool) else tool for tool in conversation.tools]
        ),
        turns=tuple(
            [
                replace(turn, parts=tuple([_as_function(part) for part in turn.parts]))
                if turn.role == "assistant"
                else turn
                for turn in conversation.turns
            ]
        ),
    )


def _function(tool: Tool) -> Tool:
    if tool.kind != "custom":
        return tool
    described = [text for text in (tool.description, _grammar(tool.format)) if text]
    return Tool(
        tool.name,
        "\n\n".join(described),
        dict(_PARAMETERS),
        cache=tool.cache,
        extras=tool.extras,
    )


def _grammar(form: Any) -> str:
    """What the input must be like, in words."""
    if not isinstance(form, Mapping) or form.get("type") != "grammar":
        return ""
    syntax, definition = name_of(form.get("syntax")), name_of(form.get("definition"))
    return f"The input must match this {syntax} grammar:\n{definition}"


def _as_function(part: Part) -> Part:
    if not isinstance(part, Call) or part.kind != "custom":
        return part
    given = orjson.dumps({_INPUT: part.arguments}).decode()
    return Call(part.id, part.name, given, "function", part.seal, part.cache)


def with_custom_calls(answer: Answer, names: frozenset[str]) -> Answer:
    """The answer with calls of these tools as their client knows them."""
    alternatives = [
        Alternative(tuple([_as_custom(part, names) for part in one.parts]), one.stop, one.logprobs)
        for one in answer.alternatives
    ]
    return Answer(answer.id, answer.model, tuple(alternatives), answer.usage)


def _as_custom(part: Part, names: frozenset[str]) -> Part:
    if not isinstance(part, Call) or part.kind == "custom" or part.name not in names:
        return part
    return Call(part.id, part.name, _input_of(part.arguments), "custom", part.seal)


def _input_of(arguments: str) -> str:
    """The free text of a call; where a model said something else, all that it said."""
    try:
        given = loads(arguments)
    except orjson.JSONDecodeError:
        return arguments
    text = given.get(_INPUT) if isinstance(given, dict) else given
    return text if isinstance(text, str) else arguments


class CustomCalls:
    """Reads a stream with calls of these tools as their client knows them: each comes in one piece,
    once its arguments are whole."""

    __slots__ = ("_names", "_reader", "_texts")

    def __init__(self, reader: StreamReader, names: frozenset[str]) -> None:
        self._reader = reader
        self._names = names
        self._texts: dict[tuple[int, int], list[str]] = {}

    @property
    def complete(self) -> bool:
        """Whether the server said how it ends."""
        return self._reader.complete

    def feed(self, data: bytes) -> Sequence[Event]:
        """The events of the next bytes."""
        return self._turned(self._reader.feed(data))

    def finish(self) -> Sequence[Event]:
        """The server closed: what is left."""
        return self._turned(self._reader.finish())

    def _turned(self, events: Sequence[Event]) -> list[Event]:
        out: list[Event] = []
        for event in events:
            if isinstance(event, PartOpened):
                out.append(self._opened(event))
            elif isinstance(event, PartDelta) and (event.choice, event.part) in self._texts:
                self._texts[event.choice, event.part].append(event.text)
            else:
                if isinstance(event, PartClosed):
                    out += self._closed(event)
                out.append(event)
        return out

    def _opened(self, event: PartOpened) -> PartOpened:
        head = event.head
        if not isinstance(head, Call) or head.kind == "custom" or head.name not in self._names:
            return event
        self._texts[event.choice, event.part] = [head.arguments]
        return event._replace(head=Call(head.id, head.name, "", "custom", head.seal))

    def _closed(self, event: PartClosed) -> list[Event]:
        texts = self._texts.pop((event.choice, event.part), None)
        if texts is None:
            return []
        return [PartDelta(event.choice, event.part, _input_of("".join(texts)))]
