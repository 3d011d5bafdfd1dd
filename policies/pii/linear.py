"""Patterns that are matched in linear time, whatever the text, and beside the interpreter.

RE2 (google-re2) walks a text once, with an automaton instead of backtracking, and lets the
interpreter go meanwhile. It has no look-behind: where a pattern must not begin or end within a word
or a number, the characters around it are a part of it, and what is meant is its only group.
"""

from collections.abc import Iterable, Iterator
from typing import Final, Protocol

import re2


class Match(Protocol):
    """What stands where: group 1 is what is meant."""

    def start(self, group: int) -> int:
        """Where a group begins."""

    def end(self, group: int) -> int:
        """Where it ends."""


class Linear(Protocol):
    """A compiled pattern over bytes."""

    @property
    def pattern(self) -> bytes:
        """How it is written."""

    def search(self, text: bytes, pos: int = 0, endpos: int | None = None) -> Match | None:
        """Return the first match, None where there is none."""


_OPTIONS: Final = re2.Options()
_OPTIONS.encoding = re2.Options.Encoding.LATIN1  # bytes: what is not ASCII is any byte from 0x80 on
_OPTIONS.log_errors = False
_UTF8: Final = re2.Options()
_UTF8.log_errors = False


def linear(pattern: bytes) -> Linear:
    """Compile a pattern. Raises re2.error where RE2 cannot match it in linear time."""
    compiled: Linear = re2.compile(pattern, _OPTIONS)
    return compiled


def one_of(patterns: Iterable[Linear]) -> Linear:
    """Matches where one of them does, in one walk."""
    return linear(b"|".join(b"(?:" + each.pattern + b")" for each in patterns))


def linear_utf8(pattern: str) -> Linear:
    """The same of characters: it finds them in bytes that are UTF-8."""
    compiled: Linear = re2.compile(pattern.encode(), _UTF8)
    return compiled


def found(pattern: Linear, text: bytes) -> Iterator[tuple[int, int]]:
    """Where group 1 of each match stands. A match may begin within the last: what was found first
    may turn out to be nothing. Every pattern is short, so that this stays linear.
    """
    at = 0
    while (match := pattern.search(text, at)) is not None:
        start = match.start(1)
        yield start, match.end(1)
        at = start + 1
