"""Asking a model to judge answers, and reading what it says.

There are two questions: is one answer good enough (PASS or FAIL, asked while a client waits), and
which of two is better (A, B or TIE, asked later). Both are put in the same way, with the request
and the answers between lines as material, never as instructions.

A verdict is never guessed. Between two answers, a line that is nothing but a verdict counts, a
labelled one (`Verdict: B`) before a bare one; else the text must begin with a verdict and say
nothing against it. A text that names both answers or neither, or a train of thought that was cut
short, is no verdict.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, Literal

import orjson

from router.ask import Ask
from router.operations.chat import parse_chat

Preference = Literal["A", "B", "TIE"]

LONGEST: Final = 12_000  # characters of each text that a judge reads
_GOOD_ENOUGH: Final = (("PASS", True), ("FAIL", False))
_DECORATION: Final = re.compile(r"\\(?:boxed|text)|[*_`~\"'{}$()\[\]]")
_NAME: Final = r"(?:(?:the )?(?:answer|option|response|assistant) )?(?P<name>[ab])"
_BETTER: Final = (
    r"(?: is| was)(?: \w+ly| much| far| a bit)? ?"
    r"(?:the )?(?:better|best|superior|preferable|winner)(?: one| answer)?| wins"
)
_TIE: Final = (
    r"(?:(?:its|it is|this is|they are|both are|both answers are|(?:the )?(?:two )?answers are) )?"
    r"(?:(?:a|about|roughly|essentially|basically|just|both) )*"
    r"(?P<tie>tied?|draw|equal|equally (?:good|helpful|correct)|as good(?: as each other)?"
    r"|equivalent|of (?:equal|the same) quality)"
)
_LABEL: Final = (
    r"(?:(?:so|therefore|my|the|final|overall),? )*"
    r"(?:(?:verdict|answer|winner|choice|judge?ment|decision|(?:better|best)(?: one| answer)?)"
    r"(?: is| ?[:=])+|i(?: would)? (?:choose|prefer|pick)) ?"
)
_VERDICT: Final = rf"(?:{_TIE}|{_NAME}(?:{_BETTER})?)"
_LABELLED: Final = re.compile(rf"{_LABEL}{_VERDICT}[.!]*", re.IGNORECASE)
_BARE: Final = re.compile(rf"{_VERDICT}[.!]*", re.IGNORECASE)
_OPENING: Final = re.compile(
    rf"(?:{_LABEL})?{_VERDICT}(?=\s*[.,;!-]|\s+(?:because|since|as)\b)(?P<rest>.*)",
    re.IGNORECASE | re.DOTALL,
)
_AGAINST: Final = re.compile(
    r"(?i:\b(?:not|no|but|however|although|though|yet|neither|unless|if|or|wrong|incorrect|worse"
    r"|tied?|draw|equal(?:ly)?|better|best|wins)\b|n't\b)"
    r"|(?i:\b(?:answer|option|response|assistant) [ab]\b)|\b[AB]\b"
)


def material(ask: Ask) -> str:
    """Return what was asked, as a judge reads it: a long conversation is cut to its end."""
    turns = [f"{turn.role}: {turn.text}" for turn in ask.prompt.turns]
    return "\n".join([ask.prompt.system, *turns])[-LONGEST:]


def judging_request(
    instruction: str, parts: Mapping[str, str], verdict: str, *, max_tokens: int
) -> Ask:
    """Return the request that puts a question to a judge.

    `parts` are what it reads, by heading; `verdict` says which words are wanted.
    """
    texts = [f"=== {heading} ===\n{text}" for heading, text in parts.items()]
    body: dict[str, Any] = {
        "model": "judge",
        "messages": [
            {"role": "system", "content": instruction},
            {"role": "user", "content": "\n\n".join([*texts, f"=== Your verdict: {verdict} ==="])},
        ],
        "max_tokens": max_tokens,
        "temperature": 0,
    }
    return parse_chat(orjson.dumps(body))


def read_good_enough(text: str) -> bool | None:
    """Return whether a judge's reply says PASS or FAIL; None where it says neither."""
    word = text.strip().strip("*.\"'`").upper()
    return next((good for name, good in _GOOD_ENOUGH if word.startswith(name)), None)


def read_preference(text: str) -> Preference | None:
    """Return what a judge's reply says of the answers A and B; None where that is not clear."""
    reply = text.rpartition("</think>")[2]
    if "<think>" in reply:
        return None
    reply = _DECORATION.sub("", reply)
    lines = [" ".join(line.split()) for line in reply.splitlines() if line.strip()]
    labelled = _preferences(_LABELLED, lines)
    bare = labelled or _preferences(_BARE, [*lines[:1], *lines[-1:]])
    if bare:
        return bare.pop() if len(bare) == 1 else None
    opening = _OPENING.fullmatch(" ".join(lines))
    if opening is None or _AGAINST.search(opening["rest"]):
        return None
    return _meant(opening)


def _preferences(pattern: re.Pattern[str], lines: list[str]) -> set[Preference]:
    return {_meant(match) for line in lines if (match := pattern.fullmatch(line))}


def _meant(match: re.Match[str]) -> Preference:
    if match["tie"]:
        return "TIE"
    return "A" if match["name"] in "aA" else "B"
