"""What the writers of all protocols share: what is dropped is named, what is unknown is refused."""

from collections.abc import Iterable, Mapping

from router.protocols.hub.conversation import Conversation, File, Opaque, Part, SearchResult, Text
from router.protocols.unsupported import Unsupported


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
