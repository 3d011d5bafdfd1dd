"""Placeholders: what stands in a text for a value that was found there, and back again."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from policies.pii.found import Found

# Some write `<` as JSON may have it, in arguments of tools, say.
PLACEHOLDER: Final = re.compile(
    r"(?:<|\\u003[cC])([A-Z][A-Z0-9_]{0,31}_[0-9]{1,9})(?:>|\\u003[eE])"
)
# What may become one with more text behind it, at the end of a text.
_CODE: Final = r"\\(?:u(?:0(?:03?)?)?)?"
_BEGUN: Final = re.compile(
    rf"(?:(?:<|\\u003[cC])(?:[A-Z][A-Z0-9_]{{0,41}}(?:{_CODE})?)?|{_CODE})\Z"
)
_LONGEST: Final = 60  # characters
_OTHERS: Final = re.compile(r"[^A-Z_]+")  # a number is behind the word
_LONGEST_KIND: Final = 32


class Placeholders:
    """The placeholders of one request: `<EMAIL_1>`, numbered by first appearance.

    The same value has the same placeholder. What looks like one already, in a text of the request,
    stands for nothing: its number is passed over. Kept in memory, for as long as the request lives.
    """

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._of: dict[str, str] = {}
        self._values: dict[str, str] = {}
        self._numbers: Counter[str] = Counter()
        self.kinds: Counter[str] = Counter()  # how many values of each there are

    def __len__(self) -> int:
        return len(self._values)

    def avoid(self, text: str) -> None:
        """Use none that stands in this text."""
        if may_hold(text):
            self._taken.update(PLACEHOLDER.findall(text))

    def standing_for(self, value: str, kind: str) -> str:
        """Return what stands for a value."""
        known = self._of.get(value)
        if known is None:
            known = self._of[value] = self._fresh(kind)
            self._values[known[1:-1]] = value
            self.kinds[kind] += 1
        return known

    def _fresh(self, kind: str) -> str:
        word = _OTHERS.sub("_", kind.upper())[:_LONGEST_KIND].strip("_") or "PRIVATE"
        while True:
            self._numbers[word] += 1
            name = f"{word}_{self._numbers[word]}"
            if name not in self._taken:
                return f"<{name}>"

    def redacted(self, text: str, finds: Sequence[Found]) -> str:
        """The text with placeholders in the place of what was found; finds do not overlap."""
        parts: list[str] = []
        at = 0
        for find in finds:
            parts += (
                text[at : find.start],
                self.standing_for(text[find.start : find.end], find.kind),
            )
            at = find.end
        parts.append(text[at:])
        return "".join(parts)

    def restored(self, text: str, written: Callable[[str], str] = str) -> str:
        """The text with values in the place of placeholders; `written` is how they stand there."""
        values = self._values

        def value(match: re.Match[str]) -> str:
            known = values.get(match[1])
            return match[0] if known is None else written(known)

        return PLACEHOLDER.sub(value, text) if may_hold(text) else text


def may_hold(text: str) -> bool:
    """Whether it is worth looking for placeholders."""
    return "<" in text or "\\u003" in text


def begun(text: str) -> int:
    """How many characters at the end of a text may be the beginning of a placeholder."""
    match = _BEGUN.search(text, max(0, len(text) - _LONGEST))
    return 0 if match is None else len(text) - match.start()


def merged(finds: Iterable[Found]) -> list[Found]:
    """The finds in order, those that overlap as one, of the kind of the longest."""
    apart: list[Found] = []
    for find in sorted(finds, key=lambda find: (find.start, -find.end)):
        last = apart[-1] if apart else None
        if last is None or find.start >= last.end:
            apart.append(find)
            continue
        longest = max(last, find, key=lambda one: one.end - one.start)
        apart[-1] = Found(last.start, max(last.end, find.end), longest.kind)
    return apart
