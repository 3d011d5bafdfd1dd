"""One streamed chat completion: relayed, and looked into only where it says more."""

from typing import Any, Final

import orjson

from router.ask import Ask
from router.domain import Usage
from router.protocols.chat.choices import checked_choices, flatten
from router.protocols.deltas import Deltas
from router.protocols.error_inside import refuse_error_inside
from router.protocols.passage import MalformedReply
from router.protocols.sse import EventTooLarge, Splitter, data_of, encode, events
from router.protocols.truncation import length_events
from router.protocols.usage import read_usage

DONE: Final = b"data: [DONE]\n\n"
# Keys of the chunk itself: quotes inside a text are escaped, so a text never looks like these.
_NULL_USAGE: Final = (b',"usage":null', b', "usage": null')
_MISSES: Final = 8


class ChatStream:
    """One streamed answer, relayed; see `AnswerStream`."""

    __slots__ = (
        "_complete",
        "_deltas",
        "_hide",
        "_request",
        "_splitter",
        "finished",
        "has_content",
        "model",
        "output_tokens_seen",
        "usage",
    )

    def __init__(self, request: Ask) -> None:
        self._request = request
        self._hide = not request.include_usage
        self._splitter = Splitter()
        self._deltas = Deltas()
        self._complete = False
        self.usage: Usage | None = None
        self.output_tokens_seen = 0
        self.model: str | None = None
        self.has_content = False
        self.finished = False

    def feed(self, data: bytes) -> bytes:
        """Relay the events that are whole; look into those only that hold more than text."""
        if self.finished:
            return b""  # nothing counts after [DONE]
        try:
            block = self._splitter.feed(data)
        except EventTooLarge:
            raise MalformedReply("sent an event that never ends") from None
        if not block:
            return b""
        said = self._deltas.of_plain(block)
        if said is not None:
            self.output_tokens_seen += said
            return block
        if self._hide and b'"usage"' in block:
            for told in _NULL_USAGE:
                block = block.replace(told, b"")
        if self.model is None or _is_noteworthy(block):
            return self._look_into(block)
        said = self._deltas.of_plain(block)  # now that `"usage": null` is away
        if said is None:
            said = self._deltas.of(block)
            if not self.has_content:
                self._look_for_content(block, said)
        self.output_tokens_seen += said
        return block

    def finish(self) -> bytes:
        """Add the [DONE] that a server forgot; refuse an answer that was cut."""
        if self.finished:
            return b""
        rest = b""
        if self._splitter.pending.strip():
            rest = self.feed(b"\n\n")  # a last event without its empty line
        if self.finished:
            return rest
        if not self._complete:
            raise MalformedReply("ended its stream before the answer did")
        self.finished = True
        return rest + DONE

    def cut(self, request_id: str, model: str, why: str) -> bytes:
        """One more chunk with `finish_reason: length`, then [DONE]."""
        return length_events(request_id, model, why)

    def _look_into(self, block: bytes) -> bytes:
        """A block with an event that holds more than text: that one is parsed, texts are not."""
        client: list[bytes] = []
        misses = 0  # a few, or a long block would be searched again for each of its events
        while block and not self.finished:
            said, size = self._deltas.of_leading(block) if misses < _MISSES else (0, 0)
            if size:
                client.append(block[:size])
                self.output_tokens_seen += said
            else:
                misses += 1
                size = block.find(b"\n\n") + 2
                client += [self._checked(event) for event in events(block[:size])]
            block = block[size:]
        return b"".join(client)

    def _checked(self, event: bytes) -> bytes:
        """One event of a block that holds more than text."""
        looked_into = self.model is None or _is_noteworthy(event)
        if looked_into:
            event = self._event(event)
        said = self._deltas.of(event, learn=not looked_into)
        if not (self.has_content or looked_into):
            self._look_for_content(event, said)
        self.output_tokens_seen += said
        return event

    def _look_for_content(self, block: bytes, said: int) -> None:
        """Find out whether events hold content: text that was counted, or any other kind of it."""
        if said:
            self.has_content = True
        else:
            for event in events(block):
                self._event(event)

    def _event(self, event: bytes) -> bytes:
        """One event, or nothing where it is not for the client."""
        data = data_of(event)
        if data is None:
            return event
        if data.strip() == b"[DONE]":
            self.finished = True
            return DONE
        try:
            chunk = orjson.loads(data)
        except orjson.JSONDecodeError:
            raise MalformedReply("sent an event that is not JSON") from None
        if not isinstance(chunk, dict):
            raise MalformedReply("sent an event that is not an object")
        refuse_error_inside(chunk)
        choices = checked_choices(chunk, "delta")
        if not self._note(chunk, choices):
            return b""
        return encode(orjson.dumps(chunk)) if flatten(choices, "delta") else event

    def _note(self, chunk: dict[str, Any], choices: list[dict[str, Any]]) -> bool:
        """Remember what the chunk says; False where the client must not see it."""
        model = chunk.get("model")
        if isinstance(model, str):
            self.model = model
        if any(choice.get("finish_reason") for choice in choices):
            self._complete = self.has_content = True
        elif not self.has_content:
            self.has_content = any(map(_says_something, choices))
        groq = chunk.get("x_groq")
        told = chunk.get("usage") or (groq.get("usage") if isinstance(groq, dict) else None)
        usage = read_usage(told, self._request)
        if usage is not None:
            self.usage = usage
        return not (self._hide and told is not None and not choices)


def _says_something(choice: dict[str, Any]) -> bool:
    """Whether a choice's delta holds more than a role and empty fields, or a text."""
    delta = choice.get("delta") or {}
    return bool(choice.get("text")) or any(told for name, told in delta.items() if name != "role")


def _is_noteworthy(block: bytes) -> bool:
    """Whether events of this block hold more than text: only those are parsed."""
    return (
        b'"finish_reason":"' in block
        or b'"finish_reason": "' in block
        or b"[DONE]" in block
        or b'"error"' in block
        or b'"usage":{' in block
        or b'"usage": {' in block
        or b'"base_resp"' in block
        or b'"content":[' in block
        or b'"content": [' in block
        or b'"x_groq"' in block
    )
