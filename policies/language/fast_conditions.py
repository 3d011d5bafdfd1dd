"""Conditions that Python decides exactly as CEL would, and faster; docs/adr/0035 has the figures.

Theory of operation: most conditions compare facts with constants (`request.pii`, `tier.name ==
"free" && prompt.tokens > 32000`). Such a conjunction cannot fail, and on values of one type CEL's
comparisons are Python's. This module reads only texts that CEL's typed checker has accepted; a text
with anything else in it (`||`, brackets, arithmetic, functions) is left to CEL.

A condition that cannot hold unless a fact equals a constant says so as its `key`: the table finds
the rules of a value at once, however many rules there are for other values.
"""

import re
from collections.abc import Callable, Mapping
from operator import eq, ge, gt, le, lt, ne
from typing import Any, Final, NamedTuple

from policies.signals import Signals

Read = Callable[[Signals], Any]
Test = Callable[[Signals], bool]
Match = tuple[int, bool | None]  # a condition's place among its route's; None: it failed

_TERM: Final = re.compile(  # one comparison, up to the next `&&` or the end
    r"""\s*(?:
        (?P<no>!)?\s*(?P<bool>[A-Za-z_][\w.]*)
      | (?P<fact>[A-Za-z_][\w.]*)\s*(?P<sign>==|!=|<=|>=|<|>)\s*
        (?P<value>"[^"\\\n]*"|'[^'\\\n]*'|[0-9]{1,15}(?:\.[0-9]{1,15})?|true|false)
    )\s*(?:&&|$)""",
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


class Key(NamedTuple):
    """A fact, by its name, and the value that it must have."""

    name: str
    value: Any


class FastCondition(NamedTuple):
    """A condition that holds where its `key` and all of its `tests` do."""

    key: Key | None
    tests: tuple[Test, ...]


def read_condition(
    text: str, kinds: Mapping[str, str], read: Mapping[str, Read]
) -> FastCondition | None:
    """Read a condition that CEL has checked; None where it is not a conjunction of comparisons.

    `kinds` and `read` have the type and the reader of every name that it may use.
    """
    key: Key | None = None
    tests: list[Test] = []
    place = 0
    while place < len(text):
        term = _TERM.match(text, place)
        if term is None:
            return None
        place = term.end()
        name, sign = term["fact"] or term["bool"], term["sign"] or "=="
        if name == "true" and term["no"] is None and term["sign"] is None:
            continue
        value = _constant(term, kinds.get(name))
        if value is None:
            return None
        if key is None and sign == "==":
            key = Key(name, value)
        else:
            tests.append(_test(_COMPARISONS[sign], read[name], value))
    return FastCondition(key, tuple(tests))


def _constant(term: re.Match[str], kind: str | None) -> Any:
    """The constant that a fact of this type is compared with; None where CEL has to decide."""
    value = term["value"]
    if value is None:
        return term["no"] is None if kind == "bool" else None
    if value[0] in "\"'":
        return value[1:-1] if kind == "string" else None
    if value in ("true", "false"):
        return value == "true" if kind == "bool" else None
    if kind == "double" and "." in value:
        return float(value)
    return int(value) if kind == "int" and "." not in value else None


class ConditionTable:
    """The fast conditions of a route, those of one fact's value together."""

    __slots__ = ("_keyed", "_others")

    def __init__(self) -> None:
        self._keyed: dict[Read, dict[Any, list[tuple[int, Test | None]]]] = {}
        self._others: list[tuple[int, Test | None]] = []

    def add(self, place: int, condition: FastCondition, read: Mapping[str, Read]) -> None:
        """Enter one condition."""
        key, tests = condition
        test = _all(tests) if tests else None
        if key is not None:
            by_value = self._keyed.setdefault(read[key.name], {})
            by_value.setdefault(key.value, []).append((place, test))
        else:
            self._others.append((place, test))

    def matches(self, signals: Signals) -> list[Match]:
        """Return the conditions that hold, in no order."""
        matches: list[Match] = []
        for read, by_value in self._keyed.items():
            for place, test in by_value.get(read(signals), ()):
                if test is None or test(signals):
                    matches.append((place, True))
        for place, test in self._others:
            if test is None or test(signals):
                matches.append((place, True))
        return matches


def _test(compare: Callable[[Any, Any], bool], read: Read, value: Any) -> Test:
    return lambda signals: compare(read(signals), value)


def _all(tests: tuple[Test, ...]) -> Test:
    first, *rest = tests
    for test in rest:
        first = _both(first, test)
    return first


def _both(left: Test, right: Test) -> Test:
    return lambda signals: left(signals) and right(signals)
