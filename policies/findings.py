"""What is wrong with a document, where, and what to write instead."""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong at one place. Lines and columns count from 1; `rule` names the check.

    Message and hint are single printable lines even of a hostile document: no line break, no
    escape sequence for somebody's terminal.
    """

    file: str
    line: int
    column: int
    severity: Severity
    message: str
    hint: str = ""
    rule: str = ""

    def __post_init__(self) -> None:
        for name in ("message", "hint"):
            text = getattr(self, name)
            if not text.isprintable():
                clean = "".join(char if char.isprintable() else " " for char in text)
                object.__setattr__(self, name, clean)

    def __str__(self) -> str:
        head = f"{self.file}:{self.line}:{self.column}: {self.severity}: {self.message}"
        return f"{head}\n    {self.hint}" if self.hint else head


class DocumentError(Exception):
    """A document is refused; `findings` says everything that is wrong with it, at once."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings: tuple[Finding, ...] = ordered(findings)
        super().__init__(render(self.findings))


def ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings by file, line and column, each once."""
    unique = dict.fromkeys(findings)
    return tuple(sorted(unique, key=lambda f: (f.file, f.line, f.column, f.message)))


def render(findings: Iterable[Finding]) -> str:
    """The text report: `file:line:column: severity: message`, each with its hint below it."""
    return "\n".join(str(finding) for finding in ordered(findings))


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant, or None where nothing is close."""
    choices = list(known)
    matches = difflib.get_close_matches(word, choices, n=1, cutoff=0.6)
    if matches:
        return matches[0]
    lowered = {choice.lower(): choice for choice in choices}
    matches = difflib.get_close_matches(word.lower(), lowered, n=1, cutoff=0.6)
    return lowered[matches[0]] if matches else None


def suggestion(word: str, known: Iterable[str], *, what: str) -> str:
    """A hint for an unknown name: the nearest known one, or all of them where they are few."""
    choices = list(known)
    close = nearest(word, choices)
    if close is not None:
        return f"did you mean `{close}`?"
    if not choices:
        return f"there is no {what} yet"
    shown = ", ".join(choices[:16]) + (", ..." if len(choices) > 16 else "")
    return f"known {what}: {shown}"
