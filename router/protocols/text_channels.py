"""Which texts come in pieces in the events of each protocol, and which events end them."""

from collections.abc import Callable, Hashable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

Key = tuple[Hashable, ...]  # the part of the answer that it belongs to, its family, its place
_ARGUMENTS: Final = ("arguments", "partial_json")  # they are JSON

_SPOKEN: Final = ("content", "text")


class Channel(NamedTuple):
    """A piece of a text: `holder[member]`. `may_be_json`: it is, where a schema is asked for."""

    key: Key
    holder: dict[str, Any]
    member: str
    is_json: bool = False
    may_be_json: bool = False

    @property
    def text(self) -> str:
        """The piece."""
        text: str = self.holder[self.member]
        return text

    @text.setter
    def text(self, text: str) -> None:
        self.holder[self.member] = text


class Seen(NamedTuple):
    """What an event holds: pieces of texts; `ends` says which other texts it ends, and where it is
    `over` those that it has a piece of, too."""

    channels: list[Channel]
    ends: Callable[[Any], bool]
    over: bool = False


def _nothing(_key: Key) -> bool:
    return False


def _everything(_key: Key) -> bool:
    return True


def of_chat(event: dict[str, Any]) -> Seen:
    """Texts of choices: what was said ends where a tool is called, all of it with its reason."""
    channels: list[Channel] = []
    ended: set[Hashable] = set()
    for choice in _objects(event.get("choices")):
        index = choice.get("index", 0)
        if isinstance(choice.get("text"), str):
            channels.append(Channel((index, "text"), choice, "text"))
        channels += _leaves(choice.get("delta"), (index,))
        if choice.get("finish_reason") is not None:
            ended.add(index)
    spoken = {channel.key[0]: channel.key[1] for channel in channels if channel.text}

    def ends(key: Key) -> bool:
        return key[0] in ended or (key[0] in spoken and spoken[key[0]] != key[1])

    return Seen(channels, ends, over=bool(ended))


def of_messages(event: dict[str, Any]) -> Seen:
    """Texts of blocks, which come one after the other."""
    if event.get("type") == "ping":
        return Seen([], _nothing)
    delta = event.get("delta")
    if event.get("type") != "content_block_delta" or not isinstance(delta, dict):
        return Seen([], _everything)
    return Seen(list(_leaves(delta, (event.get("index"), delta.get("type")))), _everything)


def of_responses(event: dict[str, Any]) -> Seen:
    """Texts of items, each ended by an event that says so."""
    kind, item = str(event.get("type", "")), event.get("output_index")
    if isinstance(event.get("delta"), str):
        place = (event.get("item_id"), event.get("content_index"), event.get("summary_index"))
        key = (item, kind, *place)
        text = kind == "response.output_text.delta"
        return Seen([Channel(key, event, "delta", "arguments" in kind, text)], _nothing)
    return Seen([], lambda key: item is None or key[0] == item)


def _leaves(value: Any, place: Key) -> Iterator[Channel]:
    """Every string within a delta; parts of a list are told apart by their index."""
    if not isinstance(value, dict):
        return
    for name, held in value.items():
        if isinstance(held, str):
            yield Channel(
                (*place, name), value, name, name in _ARGUMENTS, name in ("content", "text")
            )
        elif isinstance(held, dict):
            yield from _leaves(held, (*place, name))
        elif isinstance(held, list):
            for number, part in enumerate(held):
                if isinstance(part, dict):
                    yield from _leaves(part, (*place, name, part.get("index", number)))


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


CHANNELS: Final[Mapping[str, Callable[[dict[str, Any]], Seen]]] = MappingProxyType(
    {"chat": of_chat, "messages": of_messages, "responses": of_responses, "openai": of_chat}
)
