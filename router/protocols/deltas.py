"""Text in the events of a stream, counted without parsing them.

Theory of operation. From one event of a stream to the next nothing changes but the text, so an
event that begins and ends as the last one did, with no quotation mark between, is a text and
nothing else: that takes a comparison of bytes where a search for everything that might be in it
takes ten. Many events that came together are taken apart at the bytes that stand between two
texts. Servers that change more than the text (an id for each event, padding) are noticed
after a few events; from then on the regular expression reads every event.
"""

import re
from typing import Final

from router.protocols.usage import estimate_output

# It begins with a literal, which the regex engine finds fast.
_SAID: Final = re.compile(
    rb'"delta"\s*:\s*\{[^}]*?'
    rb'"(?:content|arguments|reasoning|reasoning_content|refusal)"\s*:\s*"((?:[^"\\]|\\.)+)'
)
_ONE_TOKEN: Final = 16  # bytes; a longer delta holds more than one token
_PATIENCE: Final = 8  # events that were unlike the one before, in a row


class Deltas:
    """Counts the output tokens of one stream's events; `pattern` matches the texts in them."""

    __slots__ = ("_after", "_before", "_between", "_patience", "_pattern")

    def __init__(self, pattern: re.Pattern[bytes] = _SAID) -> None:
        self._pattern = pattern
        self._before = self._after = self._between = b""
        self._patience = _PATIENCE

    def of_plain(self, block: bytes) -> int | None:
        """Output tokens of events that differ from the last one in their text only; None for any
        others. `block` is whole events."""
        before, after = self._before, self._after
        if not before or not block.startswith(before) or not block.endswith(after):
            return None
        text = block[len(before) : -len(after)]
        if b'"' not in text:
            if b"\n" in text or text.endswith(b"\\"):  # the text goes on behind a quotation mark
                return None
            self._patience = _PATIENCE
            return _tokens(text)
        tokens, size = self.of_leading(block)
        return tokens if size == len(block) else None

    def of_leading(self, block: bytes) -> tuple[int, int]:
        """Output tokens of such events at the beginning of a block, and the bytes of these."""
        if not self._before or not block.startswith(self._before):
            return 0, 0
        texts = block[len(self._before) :].split(self._between)
        texts[-1], marker, rest = texts[-1].partition(self._after)
        lines = b"\n".join(texts) + b"\n"
        if not marker or b'"' in lines or b"\\\n" in lines or lines.count(b"\n") > len(texts):
            return 0, 0
        self._patience = _PATIENCE
        size = len(block) - len(rest)
        if max(map(len, texts)) <= _ONE_TOKEN:
            return len(texts) - texts.count(b""), size
        return sum(map(_tokens, texts)), size

    def of(self, block: bytes, *, learn: bool = True) -> int:
        """Output tokens of any whole events; `learn` from an event that holds nothing but text."""
        matches = self._pattern.findall(block)
        if learn and len(matches) == 1 and self._patience and block.find(b"\n\n") == len(block) - 2:
            self._learn(block)
        return sum(map(_tokens, matches))

    def _learn(self, event: bytes) -> None:
        match = self._pattern.search(event)
        if match is None:
            return
        self._patience -= 1
        before, after = event[: match.start(1)], event[match.end(1) :]
        if after.startswith(b'"'):
            self._before, self._after, self._between = before, after, after + before


def _tokens(text: bytes) -> int:
    size = len(text)
    return (size > 0) if size <= _ONE_TOKEN else estimate_output(size)
