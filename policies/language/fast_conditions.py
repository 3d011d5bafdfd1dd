"""Plain conditions: those whose truth Python computes exactly as CEL would, and faster.

Theory of operation: most conditions compare a fact with a constant (`request.pii`, `tier.name ==
"free"`, `prompt.tokens > 32000`), or join such comparisons with `&&`, `||` and `!`. They cannot
fail, and on values of one type CEL's comparisons are Python's. Read here are only texts that CEL's
typed checker has accepted before; whatever is not one of these forms is None, and stays CEL's.

A condition that cannot hold unless a fact equals a constant says so as its `key`: a matcher then
finds the rules of a value in a table, however many rules there are for other values.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from operator import eq, ge, gt, le, lt, ne
from typing import Any, Final, NamedTuple

from policies.signals import Signals

Read = Callable[[Signals], Any]
Test = Callable[[Signals], bool]

_TOKEN: Final = re.compile(
    r"""\s*(?:(?P<text>"[^"\\\n]*"|'[^'\\\n]*')
      |(?P<number>[0-9]{1,15}(?:\.[0-9]{1,15})?)(?![\w.])
      |(?P<word>[A-Za-z_][\w.]*)
      |(?P<sign>&&|\|\||==|!=|<=|>=|<|>|!|\(|\)))""",
    re.VERBOSE,
)
_COMPARISONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "==": eq,
    "!=": ne,
    "<": lt,
    "<=": le,
    ">": gt,
    ">=": ge,
}
_DEEPEST: Final = 20


class Key(NamedTuple):
    """A fact, by its name, and the value that it must have."""

    name: str
    value: Any


class Plain(NamedTuple):
    """What holds where every `key` does and every one of `tests`; at most one key."""

    key: Key | None
    tests: tuple[Test, ...]

    def test(self, read: Mapping[str, Read]) -> Test:
        """Return all of it as one test."""
        own = () if self.key is None else (_equals(read[self.key.name], self.key.value),)
        return _all((*own, *self.tests))


Verdict = tuple[int, bool | None]  # a condition's place among its route's, and whether it holds


class Table:
    """The plain conditions of a route, those of one fact's value together."""

    __slots__ = ("_keyed", "_others")

    def __init__(self) -> None:
        self._keyed: dict[Read, dict[Any, list[tuple[int, Test | None]]]] = {}
        self._others: list[tuple[int, Test]] = []

    def add(self, place: int, condition: Plain, read: Mapping[str, Read]) -> None:
        """Enter one condition."""
        key, tests = condition
        if key is None:
            self._others.append((place, _all(tests)))
        else:
            rows = self._keyed.setdefault(read[key.name], {}).setdefault(key.value, [])
            rows.append((place, _all(tests) if tests else None))

    def standing(self, signals: Signals) -> list[Verdict]:
        """Those that hold, in no order."""
        found: list[Verdict] = []
        for read, by_value in self._keyed.items():
            for place, test in by_value.get(read(signals), ()):
                if test is None or test(signals):
                    found.append((place, True))
        for place, holds in self._others:
            if holds(signals):
                found.append((place, True))
        return found


class _NotPlain(Exception):
    """The condition is CEL's."""


def plain(text: str, kinds: Mapping[str, str], read: Mapping[str, Read]) -> Plain | None:
    """Read a checked condition; None where it is not plain.

    `kinds` and `read` have the type and the value of every name that it may use.
    """
    try:
        reader = _Reader(_tokens(text), kinds, read)
        found = reader.either()
        return found if reader.at_end() else None
    except _NotPlain:
        return None


def _tokens(text: str) -> list[re.Match[str]]:
    found: list[re.Match[str]] = []
    place = 0
    text = text.rstrip()
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise _NotPlain
        found.append(match)
        place = match.end()
    return found


class _Reader:
    """Recursive descent over the tokens of one condition."""

    def __init__(
        self, tokens: Sequence[re.Match[str]], kinds: Mapping[str, str], read: Mapping[str, Read]
    ) -> None:
        self._tokens = tokens
        self._kinds = kinds
        self._read = read
        self._place = 0
        self._depth = 0

    def at_end(self) -> bool:
        return self._place == len(self._tokens)

    def either(self) -> Plain:
        """`a || b`"""
        found = [self._both()]
        while self._take("||"):
            found.append(self._both())
        if len(found) == 1:
            return found[0]
        return Plain(None, (_any(tuple(each.test(self._read) for each in found)),))

    def _both(self) -> Plain:
        """`a && b`: one key of theirs is kept as the key, any other becomes a test."""
        key: Key | None = None
        tests: list[Test] = []
        while True:
            each = self._one()
            if each.key is not None and key is None:
                key = each.key
                tests += each.tests
            else:
                tests.append(each.test(self._read))
            if not self._take("&&"):
                return Plain(key, tuple(tests))

    def _one(self, *, bare: bool = False) -> Plain:
        """`!a`, `(a)`, or a comparison, where it is not `bare`."""
        if self._depth >= _DEEPEST:
            raise _NotPlain
        self._depth += 1
        if self._take("!"):
            found = self._negated(self._one(bare=True))
        elif self._take("("):
            found = self.either()
            if not self._take(")"):
                raise _NotPlain
        else:
            found = self._comparison(bare=bare)
        self._depth -= 1
        return found

    def _negated(self, inner: Plain) -> Plain:
        if inner.key is not None and not inner.tests and isinstance(inner.key.value, bool):
            return Plain(Key(inner.key.name, not inner.key.value), ())
        test = inner.test(self._read)
        return Plain(None, (lambda signals: not test(signals),))

    def _comparison(self, *, bare: bool) -> Plain:
        first = self._next()
        sign = self._peek()
        if bare and (first["text"] is not None or sign in _COMPARISONS):
            raise _NotPlain  # `!a < b` is `(!a) < b`
        if first["text"] is not None:
            return self._member(first["text"][1:-1])
        name = first["word"]
        if name == "true":
            return Plain(None, (_always,))
        kind = self._kinds.get(name or "")
        if kind is None:
            raise _NotPlain
        if sign not in _COMPARISONS:
            if kind != "bool":
                raise _NotPlain
            return Plain(Key(name, value=True), ())
        self._place += 1
        value = _constant(self._next(), kind)
        if sign == "==":
            return Plain(Key(name, value), ())
        return Plain(None, (_compares(_COMPARISONS[sign], self._read[name], value),))

    def _member(self, text: str) -> Plain:
        """`"x" in list`"""
        name = self._next()["word"] if self._take("in") else None
        if self._kinds.get(name or "") != "list<string>":
            raise _NotPlain
        read = self._read[name or ""]
        return Plain(None, (lambda signals: text in read(signals),))

    def _peek(self) -> str:
        return "" if self.at_end() else self._tokens[self._place][0].strip()

    def _take(self, wanted: str) -> bool:
        found = self._peek() == wanted
        self._place += found
        return found

    def _next(self) -> re.Match[str]:
        if self.at_end():
            raise _NotPlain
        self._place += 1
        return self._tokens[self._place - 1]


def _constant(token: re.Match[str], kind: str) -> Any:
    """The constant of a comparison with a fact of this type; CEL compares no others."""
    if kind == "string" and token["text"] is not None:
        return token["text"][1:-1]
    if kind == "bool" and token["word"] in ("true", "false"):
        return token["word"] == "true"
    number = token["number"]
    if number is not None and kind == ("double" if "." in number else "int"):
        return float(number) if kind == "double" else int(number)
    raise _NotPlain


def _always(_signals: Signals) -> bool:
    return True


def _equals(read: Read, value: Any) -> Test:
    return lambda signals: bool(read(signals) == value)


def _compares(compare: Callable[[Any, Any], bool], read: Read, value: Any) -> Test:
    return lambda signals: compare(read(signals), value)


def _all(tests: tuple[Test, ...]) -> Test:
    first, *rest = tests
    for test in rest:
        first = _both(first, test)
    return first


def _any(tests: tuple[Test, ...]) -> Test:
    first, *rest = tests
    for test in rest:
        first = _either(first, test)
    return first


def _both(left: Test, right: Test) -> Test:
    return lambda signals: left(signals) and right(signals)


def _either(left: Test, right: Test) -> Test:
    return lambda signals: left(signals) or right(signals)
