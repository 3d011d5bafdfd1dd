"""What the writers of all protocols share: what is dropped is named, what is unknown is refused."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Any, Final

from router.protocols.hub.conversation import (
    Audio,
    Conversation,
    File,
    Image,
    Opaque,
    Part,
    SearchResult,
    Text,
    Thinking,
    Tool,
    Turn,
)
from router.protocols.unsupported import Unsupported

# What the user says where a conversation begins with the assistant and the servers refuse that.
BEGINNING: Final = "."
# What a writer says unasked.
_OWN: Final = frozenset(("store", "stream_options", "truncate", "shift", "num_ctx"))


class Dropped:
    """The names of what a writer leaves out, each once, in order."""

    __slots__ = ("_names",)

    def __init__(self) -> None:
        self._names: dict[str, None] = {}

    def add(self, name: str) -> None:
        """Name what is left out."""
        self._names[name] = None

    def beside(self, part: Part) -> None:
        """What stands beside a part's content, where the target has no place for it."""
        if isinstance(part, Opaque):
            return
        if part.cache:
            self.add("cache_control")
        if isinstance(part, Text):
            if part.citations:
                self.add("citations")
        elif isinstance(part, File | SearchResult) and part.cited:
            self.add("citations")

    def foreign(self, extras: Iterable[Opaque]) -> None:
        """What only another protocol knows: hints are left out, anything else is refused."""
        for extra in extras:
            if not extra.hint:
                raise Unsupported(extra.name)
            self._names[extra.name] = None

    def names(self) -> tuple[str, ...]:
        """What was left out."""
        return tuple(self._names)


def sampling_of(
    conversation: Conversation, spelling: Mapping[str, str], dropped: Dropped
) -> dict[str, object]:
    """What steers sampling, in the target's spelling; what it cannot say is named."""
    fields: dict[str, object] = {}
    for name, value in conversation.sampling.items():
        spelt = spelling.get(name)
        if spelt is None:
            dropped.add(name)
        else:
            fields[spelt] = value
    return fields


def left_out(body: dict[str, Any], names: Iterable[str], dropped: Dropped) -> None:
    """Leave out the parameters that a server refuses, and name those that the client gave."""
    for name in names:
        if name in body:
            del body[name]
            if name not in _OWN:
                dropped.add(name)


def shown_text(part: Image | Audio, dropped: list[str]) -> str:
    """An answer's image by its address; else the word that there was one, or a sound."""
    if isinstance(part, Image) and part.url:
        return f"![image]({part.url})"
    kind = "an image" if isinstance(part, Image) else "a sound"
    dropped.append(type(part).__name__.lower())
    return f"[The answer holds {kind} that cannot be told in this protocol.]"


def description_of(file: File) -> str:
    """What a document is called and what is said of it, for servers that take its bytes alone."""
    return "\n".join([line for line in (file.name, file.context) if line])


def titled(title: str, about: str, parts: Iterable[Part], text: str) -> str:
    """A document as one text: what it is called, what is said of it, what it says.

    Unsupported where it holds anything but texts.
    """
    texts = [text] if text else []
    for part in parts:
        if type(part) is not Text:
            raise Unsupported("messages: a document that holds more than text")
        texts.append(part.text)
    return "\n".join([line for line in (title, about) if line] + texts)


def without_thoughts(conversation: Conversation) -> Conversation:
    """The conversation without the thoughts of models."""
    turns: list[Turn] = []
    for turn in conversation.turns:
        parts = tuple([part for part in turn.parts if type(part) is not Thinking])
        if parts or not turn.parts:
            turns.append(replace(turn, parts=parts))
    return conversation._replace(turns=tuple(turns))


def without_tools(
    conversation: Conversation, left_out: AbstractSet[str]
) -> tuple[Conversation, tuple[str, ...]]:
    """The conversation without those hosted tools that an operator has left out (`tools.` and their
    type), and their names: what a server does not have cannot be missed by a model.
    """
    tools: list[Tool | Opaque] = []
    named: dict[str, None] = {}
    for tool in conversation.tools:
        name = f"tools.{tool.json.get('type')}" if isinstance(tool, Opaque) else ""
        if name in left_out:
            named[name] = None
        else:
            tools.append(tool)
    if not named:
        return conversation, ()
    return conversation._replace(tools=tuple(tools)), tuple(named)
