"""What `${NAME}` of turnout.yaml became, so that no message quotes it.

Any key may hold a secret by mistake, such as `model: ${API_KEY}`, and errors go to logs. So
messages show what is written in the file instead of the value, in whatever part of a message, and
however shortened, it stands. What stands there for a variable that is not set (`${NAME:-default}`)
may be a secret as well, and is not shown either. Other ways to name a variable are refused.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from policies.findings import Finding
from policies.language.source import Path

_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^{}]*))?\}")
# Other shells' and gateways' ways, which would be taken for the value itself.
_OTHER_WAYS: Final = re.compile(r"\$[A-Z_][A-Z0-9_]+|os\.environ/[A-Za-z_][A-Za-z0-9_]*")
_RUN: Final = 12  # characters in a row that no message has of a value by chance
_WORD: Final = 4  # a value shorter than this is known only between quotes


@dataclass(slots=True)
class FromEnvironment:
    """The values that came from `environ`, noted while they are put in.

    `unset`: the place and the name of each variable that does not exist. `odd`: the place of each
    text that looks like a variable and is none.
    """

    environ: Mapping[str, str] = field(repr=False)
    unset: dict[Path, str] = field(default_factory=dict)
    odd: list[Path] = field(default_factory=list)
    _written: dict[str, str] = field(default_factory=dict, repr=False)  # by value, in lower case

    def expand(self, value: Any, path: Path = ()) -> Any:
        """Replace `${NAME}` and `${NAME:-default}` in every string below `value`."""
        if isinstance(value, dict):
            return {key: self.expand(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self.expand(item, (*path, at)) for at, item in enumerate(value)]
        if not isinstance(value, str):
            return value
        if "${" in _VARIABLE.sub("", value) or _OTHER_WAYS.fullmatch(value):
            self.odd.append(path)
        for match in _VARIABLE.finditer(value):
            if match[1] not in self.environ and match[2] is None:
                self.unset[path] = match[1]
            self._note(self._value(match), _written(match))
        expanded = _VARIABLE.sub(self._value, value)
        if expanded != value:
            self._note(expanded, _VARIABLE.sub(_written, value))
        return expanded

    def _value(self, match: re.Match[str]) -> str:
        """What a variable stands for: an empty one for its default, as in shells."""
        return self.environ.get(match[1], "") or match[2] or ""

    def _note(self, value: str, written: str) -> None:
        clean = "".join(char if char.isprintable() else " " for char in value)  # as findings do
        if clean.strip():
            self._written.setdefault(clean.lower(), written)

    def hide(self, findings: Iterable[Finding]) -> list[Finding]:
        """Return the findings with what is written in the file where they had a value."""
        return [
            replace(
                finding,
                file=self.hidden(finding.file),
                message=self.hidden(finding.message),
                hint=self.hidden(finding.hint),
            )
            for finding in findings
        ]

    def hidden(self, text: str) -> str:
        """Return a text without any value that came from the environment."""
        for value in sorted(self._written, key=len, reverse=True):
            text = _without(text, value, self._written[value])
        return text


def _written(match: re.Match[str]) -> str:
    return f"${{{match[1]}}}" if match[2] is None else f"${{{match[1]}:-...}}"


def _without(text: str, value: str, written: str) -> str:
    """Replace each part of a text that is one of a value, too."""
    least, lowered = min(len(value), _RUN), text.lower()
    if len(lowered) != len(text):  # a letter that is two in lower case: places would not match
        return written if value[:least] in lowered else text
    kept, at, last = [], 0, 0
    while at + least <= len(text):
        size = least
        if lowered[at : at + size] not in value or not _stands_alone(text, at, size, value):
            at += 1
            continue
        while at + size < len(text) and lowered[at : at + size + 1] in value:
            size += 1
        kept += [text[last:at], written]
        at = last = at + size
    return "".join([*kept, text[last:]])


def _stands_alone(text: str, at: int, size: int, value: str) -> bool:
    """Whether a part is not a piece of another word, where it is short enough to be that."""
    if len(value) >= _RUN:
        return True
    before, after = text[at - 1 : at], text[at + size : at + size + 1]
    if len(value) < _WORD:
        return before in ("`", "'", '"') and after == before
    return not before.isalnum() and not after.isalnum()
