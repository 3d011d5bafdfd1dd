"""Answers with the client's own values in the place of placeholders: whole ones, and streams.

Theory of operation. A placeholder may come in pieces, a few characters an event. Events whose text
ends as one may begin are held back until more of that text has come, or its end; what was held of
it then goes on with the next event of the text, or stays where it was. So no event is invented,
dropped or put elsewhere, and numbers of events stay true. An event that has nothing to do with a
placeholder goes through as its bytes came.
"""

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from policies.pii.placeholders import Placeholders, begun, may_hold
from router.protocols.json_strings import inside, tokens, written
from router.protocols.redacting import is_json
from router.protocols.sse import Splitter, data_of, events
from router.protocols.text_channels import CHANNELS, Channel, Seen

_LARGEST: Final = 64 * 1024 * 1024  # bytes of an event: the last may repeat the whole answer
_SIGNS: Final = (b"<", b"\\u003", b"\\\\")  # without one of them there is no placeholder


def restored_body(body: bytes, placeholders: Placeholders) -> bytes:
    """A whole answer restored; what is no JSON is left as it is."""
    if b"<" not in body and b"\\u003" not in body:
        return body
    try:
        text = body.decode()
        orjson.loads(body)
    except ValueError:
        return body
    parts: list[str] = []
    at = 0
    for token in tokens(text):
        value = token.value
        restored = _restored(value, placeholders) if may_hold(value) else value
        if restored != value:
            parts += text[at : token.start], written(restored)
            at = token.end
    parts.append(text[at:])
    return "".join(parts).encode()


def _restored(value: str, placeholders: Placeholders) -> str:
    """A whole string; in one that is JSON, values stand as JSON has them."""
    if value[:1] in ("{", "[") and is_json(value):
        return placeholders.restored(value, inside)
    return placeholders.restored(value)


@dataclass(slots=True)
class _Held:
    """An event, and of its texts the ends that wait for what follows."""

    event: bytes
    document: dict[str, Any]
    changed: bool = False
    waiting: dict[Hashable, tuple[Channel, str]] = field(default_factory=dict)

    def bytes(self) -> bytes:
        """The event as it goes on."""
        return _with_data(self.event, self.document) if self.changed else self.event


class StreamRestorer:
    """Restores one stream of events. `structured`: texts are JSON that a schema asked for."""

    def __init__(self, protocol: str, placeholders: Placeholders, *, structured: bool) -> None:
        self._seen = CHANNELS[protocol]
        self._placeholders = placeholders
        self._structured = structured
        self._splitter = Splitter(_LARGEST)
        self._queue: deque[_Held] = deque()
        self._open: dict[Hashable, _Held] = {}  # where the end of a text waits

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes; return those that can go on."""
        return b"".join(map(self._event, events(self._splitter.feed(data))))

    def finish(self) -> bytes:
        """Return what was held back: nothing follows."""
        rest, self._splitter.pending = self._splitter.pending, b""
        if not rest:
            return self._let_go(list(self._open))
        last = self._event(rest + b"\n\n")  # an event without its end
        return (last + self._let_go(list(self._open)))[:-2]

    def _event(self, event: bytes) -> bytes:
        if not self._open and not any(sign in event for sign in _SIGNS):
            return event
        document = _document(event)
        if document is None:  # a comment, or the end of a stream
            return self._let_go(list(self._open)) + event
        held = _Held(event, document)
        seen = self._seen(document)
        mine = {channel.key for channel in seen.channels}
        before = self._let_go([key for key in self._open if key not in mine and seen.ends(key)])
        for channel in seen.channels:
            self._text(channel, held)
        held.changed |= self._others(document, seen)
        self._queue.append(held)
        if seen.over:
            return before + self._let_go([key for key in self._open if seen.ends(key)])
        return before + self._ready()

    def _text(self, channel: Channel, held: _Held) -> None:
        """Restore what has come of a text, and let its end wait."""
        text = channel.text
        earlier = self._open.pop(channel.key, None)
        if earlier is not None:
            waited, tail = earlier.waiting.pop(channel.key)
            waited.text = waited.text[: len(waited.text) - len(tail)]
            earlier.changed = True
            text = tail + text
        waits = begun(text)
        safe, tail = text[: len(text) - waits], text[len(text) - waits :]
        as_json = channel.is_json or (self._structured and channel.may_be_json)
        safe = self._placeholders.restored(safe, inside if as_json else str)
        held.changed |= safe + tail != channel.text
        channel.text = safe + tail
        if tail:
            held.waiting[channel.key] = channel, tail
            self._open[channel.key] = held

    def _others(self, document: dict[str, Any], seen: Seen) -> bool:
        """Restore every other string of an event: it is whole there."""
        texts = {(id(channel.holder), channel.member) for channel in seen.channels}
        return _restore_within(document, self._placeholders, texts)

    def _let_go(self, keys: list[Hashable]) -> bytes:
        """Nothing more comes of these texts: their ends stay where they are."""
        for key in keys:
            del self._open.pop(key).waiting[key]
        return self._ready()

    def _ready(self) -> bytes:
        parts: list[bytes] = []
        while self._queue and not self._queue[0].waiting:
            parts.append(self._queue.popleft().bytes())
        return b"".join(parts)


def _document(event: bytes) -> dict[str, Any] | None:
    data = data_of(event)
    try:
        document = None if data is None else orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    return document if isinstance(document, dict) else None


def _with_data(event: bytes, document: dict[str, Any]) -> bytes:
    """The event with other data; its type, and comments before it, as they were."""
    lines = [line for line in event[:-2].split(b"\n") if not line.startswith(b"data:")]
    return b"\n".join((*lines, b"data: " + orjson.dumps(document))) + b"\n\n"


def _restore_within(
    document: dict[str, Any], placeholders: Placeholders, texts: set[tuple[int, str]]
) -> bool:
    changed = False
    waiting: list[Any] = [document]
    for holder in waiting:  # which grows meanwhile
        pairs = list(holder.items() if isinstance(holder, dict) else enumerate(holder))
        for member, value in pairs:
            if isinstance(value, dict | list):
                waiting.append(value)
            elif isinstance(value, str) and may_hold(value) and (id(holder), member) not in texts:
                holder[member] = _restored(value, placeholders)
                changed |= holder[member] != value
        if isinstance(holder, dict) and any(map(may_hold, holder)):
            renamed = {placeholders.restored(name): value for name, value in holder.items()}
            changed |= renamed.keys() != holder.keys()
            holder.clear()
            holder.update(renamed)
    return changed
