"""YAML text -> plain values, with the line and column of each.

Theory: the text is read as a stream of events, not as objects, so nothing is ever constructed or
expanded. Anchors, aliases and tags are refused (they are how a small file becomes a large one, or
becomes code), and so is a key written twice. Scalars follow YAML 1.2: `on` and `yes` are text, a
time such as 12:30 is text, 20_000 is a number.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from policies.findings import DocumentError, Finding

MAX_BYTES: Final = 1_000_000
MAX_NODES: Final = 60_000
MAX_DEPTH: Final = 24
_MAX_FINDINGS: Final = 20
_MAX_DIGITS: Final = 30

Path = tuple[str | int, ...]

_CONSTANTS: Final[dict[str, Any]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
}
_INTEGER: Final = re.compile(r"[-+]?[0-9](_?[0-9])*")
_FLOAT: Final = re.compile(
    r"[-+]?(\.[0-9](_?[0-9])*|[0-9](_?[0-9])*(\.([0-9](_?[0-9])*)?)?)([eE][-+]?[0-9]+)?"
)


@dataclass(frozen=True, slots=True)
class Document:
    """Plain values (dict with text keys, list, str, int, float, bool, None) and their places."""

    filename: str
    text: str
    value: Any
    places: dict[Path, tuple[int, int]] = field(repr=False, default_factory=dict)
    key_places: dict[Path, tuple[int, int]] = field(repr=False, default_factory=dict)
    spans: dict[Path, tuple[int, int]] = field(repr=False, default_factory=dict)

    def position_of(self, path: Path) -> tuple[int, int]:
        """Line and column (from 1) of the value at `path`, or of its nearest ancestor."""
        while path not in self.places and path:
            path = path[:-1]
        return self.places.get(path, (1, 1))

    def key_position(self, path: Path) -> tuple[int, int]:
        """Line and column of the key that names `path`, or of the value where it has none."""
        return self.key_places.get(path) or self.position_of(path)

    def inside(self, path: Path, offset: int) -> tuple[int, int]:
        """Line and column of character `offset` of the text at `path`, through YAML's quoting."""
        if path not in self.spans:
            return self.position_of(path)
        start, end = self.spans[path]
        value: Any = self.value
        for part in path:
            value = value[part]
        index = _align(self.text, start, end, str(value), offset)
        line = self.text.count("\n", 0, index) + 1
        return line, index - self.text.rfind("\n", 0, index)

    def finding(self, path: Path, message: str, hint: str = "", *, rule: str) -> Finding:
        """An error at the value of `path`."""
        line, column = self.position_of(path)
        return Finding(self.filename, line, column, "error", message, hint, rule)

    def warning(self, path: Path, message: str, hint: str = "", *, rule: str) -> Finding:
        """A warning at the key of `path`."""
        line, column = self.key_position(path)
        return Finding(self.filename, line, column, "warning", message, hint, rule)


def parse(text: str, filename: str, room: int = 1) -> Document:
    """Read one YAML document. Raises DocumentError, in bounded time for any input.

    `room` is how many times as large as a policy it may be.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES * room:
        message = f"the file is over {room} MB"
        raise DocumentError([_at(filename, None, message, "split it, or shorten it", "too-large")])
    return _Reader(text, filename, MAX_NODES * room).read()


class _Reader:
    """Builds a Document from YAML events."""

    def __init__(self, text: str, filename: str, most: int) -> None:
        self.filename = filename
        self.most = most  # values
        self.document = Document(filename, text, None)
        self.findings: list[Finding] = []
        self.nodes = 0

    def read(self) -> Document:
        """The document; raises DocumentError."""
        try:
            value = self._documents(yaml.parse(self.document.text, Loader=yaml.CSafeLoader))
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            message = f"not valid YAML: {error.problem or error.context}"
            self._refuse(mark, message, "check indentation, quotes and brackets", "yaml")
        except (yaml.YAMLError, UnicodeError):
            self._refuse(None, "the file holds characters that YAML forbids", "", "yaml")
        if self.findings:
            raise DocumentError(self.findings)
        places = self.document
        return Document(
            self.filename, places.text, value, places.places, places.key_places, places.spans
        )

    def _documents(self, events: Iterator[Any]) -> Any:
        value: Any = None
        documents = 0
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._refuse(
                        event.start_mark, "a second document begins here", "remove `---`", "yaml"
                    )
                value = self._node(events, next(events), ())
        if documents == 0 or value is None:
            self._refuse(None, "the file is empty", "start with `version: 1`", "empty")
        return value

    def _node(self, events: Iterator[Any], event: Any, path: Path) -> Any:
        self._guard(event, path)
        mark = event.start_mark
        self.document.places[path] = (mark.line + 1, mark.column + 1)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(events, path)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(events, path)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, path)
        return None  # an alias, already refused

    def _mapping(self, events: Iterator[Any], path: Path) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for event in events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            if not isinstance(event, yaml.ScalarEvent):
                self._refuse(event.start_mark, "a key must be plain text", "", "yaml")
            key = event.value
            here = (event.start_mark.line + 1, event.start_mark.column + 1)
            place = (*path, key)
            if key in mapping:
                first = self.document.key_places[place][0]
                self._report(
                    event.start_mark,
                    f"`{key}` is written twice",
                    f"first in line {first}; keep one",
                    "duplicate-key",
                )
            self._guard(event, place)
            self.document.key_places[place] = here
            mapping[key] = self._node(events, next(events), place)
        return mapping

    def _sequence(self, events: Iterator[Any], path: Path) -> list[Any]:
        items: list[Any] = []
        for event in events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            items.append(self._node(events, event, (*path, len(items))))
        return items

    def _scalar(self, event: Any, path: Path) -> Any:
        plain = event.implicit[0]
        value = resolve(event.value) if plain else event.value
        if plain and len(event.value) > _MAX_DIGITS and _FLOAT.fullmatch(event.value):
            message = f"a number of over {_MAX_DIGITS} digits"
            self._report(event.start_mark, message, "write a smaller one", "too-large")
        if isinstance(value, str):
            self.document.spans[path] = (event.start_mark.index, event.end_mark.index)
        return value

    def _guard(self, event: Any, path: Path) -> None:
        """Refuse what makes a small file large, or makes it code."""
        self.nodes += 1
        if self.nodes > self.most:
            self._refuse(
                event.start_mark, f"over {self.most} values in one file", "split it", "too-large"
            )
        if len(path) > MAX_DEPTH:
            self._refuse(event.start_mark, f"nested deeper than {MAX_DEPTH} levels", "", "too-deep")
        if isinstance(event, yaml.AliasEvent):
            self._report(
                event.start_mark,
                f"alias `*{event.anchor}` is not allowed",
                "write the value out",
                "alias",
            )
        elif event.anchor is not None:
            self._report(
                event.start_mark,
                f"anchor `&{event.anchor}` is not allowed",
                "write the value out",
                "alias",
            )
        tag = getattr(event, "tag", None)
        if tag is not None and tag != "!":
            shown = tag.replace("tag:yaml.org,2002:", "!!")
            self._report(
                event.start_mark, f"tag `{shown}` is not allowed", "write a plain value", "tag"
            )

    def _report(self, mark: Any, message: str, hint: str, rule: str) -> None:
        self.findings.append(_at(self.filename, mark, message, hint, rule))
        if len(self.findings) >= _MAX_FINDINGS:
            raise DocumentError(self.findings)

    def _refuse(self, mark: Any, message: str, hint: str, rule: str) -> None:
        self.findings.append(_at(self.filename, mark, message, hint, rule))
        raise DocumentError(self.findings)


def _at(filename: str, mark: Any, message: str, hint: str, rule: str) -> Finding:
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
    return Finding(filename, line, column, "error", message, hint, rule)


def resolve(text: str) -> Any:
    """What YAML takes a plain scalar for: null, boolean, number or text."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if len(text) <= _MAX_DIGITS:
        if _INTEGER.fullmatch(text):
            return int(text.replace("_", ""))
        if _FLOAT.fullmatch(text):
            return float(text.replace("_", ""))
    return text


def _align(text: str, start: int, end: int, value: str, offset: int) -> int:
    """Index in `text` of character `offset` of `value`, which was written as text[start:end].

    Walks both together: characters that YAML dropped (quotes, escapes, indentation) are stepped
    over, and a fold of white space counts as the one character it became.
    """
    index = start
    if text[start : start + 1] in ("|", ">"):
        index = text.find("\n", start) + 1
    elif text[start : start + 1] in ("'", '"'):
        index = start + 1
    for position, char in enumerate(value):
        wanted = " \n\t" if char in " \n" else char
        while index < end and text[index] not in wanted:
            index += 1
        if position == offset:
            return min(index, end)
        index += 1
    return min(index, end)
