"""Whether an answer to a probe is right: 1 or 0, by rule, never by another model.

A rule looks past how an answer is dressed: thoughts before it, fences, dashes of another kind.
"""

import json
import re
import textwrap
from collections.abc import Callable, Mapping
from typing import Any, Final

from classifiers.probing.probes import Probe
from classifiers.probing.sandbox import passes
from classifiers.probing.walls.wall import Wall

_NUMBER: Final = re.compile(r"-?\d[\d,]*(?:\.\d+)?")
_LETTER: Final = re.compile(r"\b([A-D])\b")
_SMALL_LETTER: Final = re.compile(r"(?:^|(?<=[\s(*\"'`]))([a-d])(?=[).:*\"'`]|\s*$)")
_BLOCK: Final = re.compile(r"(```+|~~~+)[ \t]*[\w.+-]*[ \t]*\r?\n(.*?)(?:\1|\Z)", re.DOTALL)
_DASHES: Final = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2212\ufe63\uff0d"), "-")
_TRIES: Final = 50  # opening brackets that may begin the JSON
RUN: Final = "code"  # the kind whose answers are run, and need a wall


def check(probe: Probe, answer: str, wall: Wall | None = None) -> float:
    """The score of an answer, 0 or 1. Raises nothing, whatever the answer holds; ValueError for
    code without a wall to run it behind, since a verdict would be a guess."""
    conclusion = answer.rpartition("</think>")[2]
    if probe.kind == RUN:
        if wall is None:
            raise ValueError("code is judged behind a wall, or not at all")
        return float(_code(conclusion, probe.expected, wall))
    return float(_CHECKS[probe.kind](conclusion, probe.expected))


def _number(answer: str, expected: int) -> bool:
    numbers = _NUMBER.findall(answer.translate(_DASHES))
    return bool(numbers) and float(numbers[-1].replace(",", "").rstrip(".")) == expected


def _exact(answer: str, expected: str) -> bool:
    word = answer.translate(_DASHES).strip().strip(".\"'`*").strip()
    return word.casefold() == expected.casefold()


def _json(answer: str, expected: Any) -> bool:
    """The first array of objects counts; a remark in brackets before it is none."""
    start, decoder = answer.find("["), json.JSONDecoder()
    for _ in range(_TRIES):
        if start < 0:
            return False
        try:
            value, end = decoder.raw_decode(answer, start)
        except (ValueError, RecursionError):
            value, end = None, start + 1
        if isinstance(value, list) and all(isinstance(one, dict) for one in value):
            return bool(value == expected)
        start = answer.find("[", end)
    return False


def _letter(answer: str, expected: str) -> bool:
    letters = _LETTER.findall(answer) or _SMALL_LETTER.findall(answer)
    return bool(letters) and letters[-1].upper() == expected


def _code(answer: str, expected: Mapping[str, Any], wall: Wall) -> bool:
    """The first block that defines the function counts; without blocks, all of the answer."""
    blocks = [textwrap.dedent(block[2]) for block in _BLOCK.finditer(answer)] or [answer]
    name = expected["function"]
    defines = re.compile(rf"^[ \t]*(?:def[ \t]+{name}\b|{name}[ \t]*[=:])", re.MULTILINE)
    source = next(filter(defines.search, blocks), blocks[0])
    return passes(wall, source, name, expected["cases"])


_CHECKS: Final[Mapping[str, Callable[[str, Any], bool]]] = {
    "arithmetic": _number,
    "extraction": _exact,
    "json": _json,
    "choice": _letter,
}
