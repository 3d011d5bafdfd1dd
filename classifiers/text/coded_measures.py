"""Measures that no row of the table can express: functions of the final text.

Regular expressions begin with a line's end, which is rare, because a prompt of 1 KB has to be read
in a fraction of 0.1 ms. Their twins are in native/coded_measures.c.
"""

import re
from typing import Final

# A line that begins "A." or "(B)", and what follows. Blank lines before it are not looked over:
# a match at the last line's end says the same, and three thousand of them cost no more than three.
_OPTION: Final = re.compile(r"\n[^\S\n]*[(\[]?[A-J][.):\]]\s*(.*)")
_NUMBERED: Final = re.compile(r"\n\d+[.)] ")
_FORMULA: Final = re.compile(r"\$(?!\.?[0-9])")  # a dollar sign before a number is money


def answer_options(text: str) -> tuple[int, int, int, int, int]:
    """Options "A. ...": count, characters, how many begin with a number, longest, shortest."""
    options = _OPTION.findall(f"\n{text}") if "\n" in text else ()
    if not options:
        return 0, 0, 0, 0, 0
    sizes = list(map(len, options))
    numeric = sum([body[:1].isdigit() or body[1:2].isdigit() for body in options])
    return len(options), sum(sizes), numeric, max(sizes), min(sizes)


def numbered_lines(text: str) -> tuple[int]:
    """Lines after the first that begin "1. " or "1) "."""
    return (len(_NUMBERED.findall(text)) if "\n" in text else 0,)


def formulas(text: str) -> tuple[int]:
    """1 where something looks like LaTeX."""
    if "\\" in text:
        return (1,)
    return (int("$" in text and _FORMULA.search(text) is not None),)


def edges(text: str) -> tuple[int, int, int]:
    """1 where it ends with a question mark, ends with a colon, starts in lower case."""
    end = text[-8:].rstrip()
    return int(end[-1:] == "?"), int(end[-1:] == ":"), int(text[:1].islower())
