"""One streamed chat completion: relayed, and looked into only where it says more."""

from typing import Any, Final

import orjson

from router.ask import Ask
from router.protocols.chat.choices import checked_choices, flatten, mend_calls
from router.protocols.chat.usage import counts_of
from router.protocols.deltas import Deltas
from router.protocols.endings import chat_ending
from router.protocols.error_inside import refuse_error_inside
from router.protocols.passage import Ending, MalformedReply, read_object
from router.protocols.passing import PassingStream
from router.protocols.sse import data_of, encode, events
from router.protocols.told import served
from router.protocols.truncation import length_events
from router.protocols.usage import read_usage

DONE: Final = b"data: [DONE]\n\n"
# Keys of the chunk itself: quotes inside a text are escaped, so a text never looks like these.
_NULL_USAGE: Final = (b',"usage":null', b', "usage": null')
_MISSES: Final = 8


class ChatStream(PassingStream):
    """One streamed chat completion, relayed."""

    __slots__ = ("_ended", "_hide", "_tier")
    _END = DONE

    def __init__(self, ask: Ask, deltas: Deltas | None = None) -> None:
        super().__init__(ask, deltas or Deltas())
        self._hide = not ask.include_usage
        self._ended: set[int] = set()  # choices that said how they ended
        self._tier: Any = None  # the class of service, as it was told last

    @property
    def ending(self) -> Ending:
        """See `AnswerStream`."""
        return chat_ending(self._told)

    def cut(self, request_id: str, model: str, why: str) -> bytes:
        """One more chunk with `finish_reason: length`, then [DONE]."""
        return length_events(request_id, model, why, self._open_choices())

    def _open_choices(self) -> list[int]:
        """Those that go on."""
        return [index for index in range(self._ask.choices) if index not in self._ended]

    def _look_into(self, block: bytes) -> bytes:
        """Hide the usage that the client did not ask for; look at what holds more than text."""
        if self._hide and b'"usage"' in block:
            for unasked in _NULL_USAGE:
                block = block.replace(unasked, b"")
        size = self._deltas.of_plain(block)  # now that `"usage": null` is away
        if size is None:  # else its frame is that of an event that was looked into
            if self.model is None or _is_noteworthy(block):
                return self._look_at_each(block)
            size = self._deltas.of(block)
            if not self.has_content:
                self._look_for_content(block, size)
        self.output_tokens_seen += size
        return block

    def _look_at_each(self, block: bytes) -> bytes:
        """A block with an event that holds more than text: that one is parsed, texts are not."""
        client: list[bytes] = []
        misses = 0  # a few, or a long block would be searched again for each of its events
        while block and not self.finished:
            tokens, size = self._deltas.of_leading(block) if misses < _MISSES else (0, 0)
            if size:
                client.append(block[:size])
                self.output_tokens_seen += tokens
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
        tokens = self._deltas.of(event, learn=not looked_into)
        if not (self.has_content or looked_into):
            self._look_for_content(event, tokens)
        self.output_tokens_seen += tokens
        return event

    def _look_for_content(self, block: bytes, tokens: int) -> None:
        """Find out whether events hold content: text that was counted, or any other kind of it."""
        if tokens:
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
            if self.model is None and not self.has_content:
                raise MalformedReply("ended its stream before the answer did")
            self.finished = True
            return DONE
        chunk = read_object(data, "sent", "an event")
        refuse_error_inside(chunk)
        choices = checked_choices(chunk, "delta")
        if not self._note(chunk, choices):
            return b""
        changed = flatten(choices, "delta") | mend_calls(choices, "delta")
        return encode(orjson.dumps(chunk)) if changed else event

    def _note(self, chunk: dict[str, Any], choices: list[dict[str, Any]]) -> bool:
        """Remember what the chunk says; False where the client must not see it."""
        model = chunk.get("model")
        if isinstance(model, str):
            self.model = model
        ended = [choice.get("index", 0) for choice in choices if choice.get("finish_reason")]
        if ended:
            self.has_content = True
            self._ended.update(ended)
            self._told.append(chunk)
            self._complete = len(self._ended) >= self._ask.choices
        elif not self.has_content:
            self.has_content = any(map(_says_something, choices))
        counts = counts_of(chunk)
        self._tier = chunk.get("service_tier") or self._tier
        if counts and (usage := read_usage(counts, self._ask)):
            self._used(served(usage, self._tier))
        return not (self._hide and counts is not None and not choices)


def _says_something(choice: dict[str, Any]) -> bool:
    """Whether a choice's delta holds more than a role and empty fields, or a text."""
    delta = choice.get("delta") or {}
    return bool(choice.get("text")) or any(value for name, value in delta.items() if name != "role")


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
        or b'"arguments":{' in block
        or b'"arguments": {' in block
        # Written with blanks that nobody else writes: all of the above is looked for in vain.
        or b'" :' in block
        or b'":  ' in block
        or b'"\t' in block
    )
