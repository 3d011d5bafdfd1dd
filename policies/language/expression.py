"""Conditions in CEL: checked at load with places in the YAML file, evaluated all at once.

Each `backend["x"].field`, `success["x"]` and `request.headers["x"]` is replaced by one flat typed
variable of the same length. So the checker knows every type, a missing key cannot fail at run time,
columns stay true, and an activation is a handful of scalars. The conditions of a route that Python
does not decide (`policies.language.fast_conditions`) become one list expression.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cel_expr_python import cel

from policies.findings import suggestion
from policies.language.cel_errors import explain_cel_error, kind_words
from policies.language.facts import (
    ABSENT,
    BACKEND_FACTS,
    FACTS,
    HEADERS,
    SECRET_HEADERS,
    success_of,
)
from policies.language.fast_conditions import ConditionTable, Match, read_condition
from policies.signals import Signals

MAX_LENGTH: Final = 4_000
_CHUNK: Final = 40_000  # characters in one list expression; CEL refuses over 100,000
_MOST_KEYLESS: Final = 20
_TYPES: Final[Mapping[str, Any]] = {
    "bool": cel.Type.BOOL,
    "int": cel.Type.INT,
    "double": cel.Type.DOUBLE,
    "string": cel.Type.STRING,
    "list<string>": cel.Type.List(cel.Type.STRING),
}
_STRING: Final = r""""(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'"""
_TOKEN: Final = re.compile(
    rf"""(?P<text>[rRbB]*(?:{_STRING}))
      | (?P<root>\b(?:backend|success|request\.headers))[ ]*\[[ ]*(?P<name>{_STRING})[ ]*\]
        (?:[ ]*\.[ ]*(?P<field>[A-Za-z_]\w*))?
      | (?P<word>[A-Za-z_][\w.]*)""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class ConditionFault:
    """What is wrong with a condition, at a character offset of its text."""

    offset: int
    message: str
    hint: str


class ConditionError(Exception):
    """A condition is wrong; `faults` say how."""

    def __init__(self, faults: Sequence[ConditionFault]) -> None:
        super().__init__("; ".join(c.message for c in faults))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class _Variable:
    kind: str
    read: Callable[[Signals], Any]


@dataclass(frozen=True, slots=True)
class Condition:
    """One checked condition: its text, what CEL compiles, and the facts it reads."""

    text: str
    rewritten: str
    facts: frozenset[str]  # rows of FACTS, plus "backend" and "success"
    headers: frozenset[str]  # names of headers it reads


class Conditions:
    """Compiles conditions in one typed environment. Not for the request path: see `Matcher`."""

    def __init__(self, backends: Iterable[str]) -> None:
        self._backends = tuple(backends)
        self._variables: dict[str, _Variable] = {
            name: _Variable(fact.kind, fact.read) for name, fact in FACTS.items()
        }
        self._flat: dict[tuple[str, str, str], str] = {}
        self._env: Any = None

    def check(self, text: str) -> Condition:
        """Check one condition. Raises ConditionError."""
        if len(text) > MAX_LENGTH:
            raise ConditionError(
                [ConditionFault(0, f"a condition over {MAX_LENGTH} characters", "split the rule")]
            )
        facts: set[str] = set()
        headers: set[str] = set()
        faults: list[ConditionFault] = []
        rewritten = _TOKEN.sub(lambda match: self._flatten(match, facts, headers, faults), text)
        if faults:
            raise ConditionError(faults)
        env = self._environment()
        try:
            compiled = env.compile(rewritten)
        except RuntimeError as error:
            raise ConditionError([self._fault(str(error), text)]) from None
        if compiled.return_type() != cel.Type.BOOL:
            kind = kind_words(compiled.return_type().name().lower())
            raise ConditionError(
                [
                    ConditionFault(
                        0,
                        f"a condition must be true or false, this is {kind}",
                        "compare it with something",
                    )
                ]
            )
        return Condition(text, rewritten, frozenset(facts), frozenset(headers))

    def matcher(self, conditions: Sequence[Condition], *, only_cel: bool = False) -> "Matcher":
        """Compile conditions together. `only_cel` leaves all of them to CEL, as the reference."""
        kinds = {name: variable.kind for name, variable in self._variables.items()}
        read = {name: variable.read for name, variable in self._variables.items()}
        fast = [None if only_cel else read_condition(c.rewritten, kinds, read) for c in conditions]
        # One list of CEL's costs as much as some twenty tests, whatever its length.
        keyless = sum(each is not None and each.key is None for each in fast)
        table = ConditionTable()
        others: list[int] = []
        for index, each in enumerate(fast):
            if each is None or (each.key is None and keyless > _MOST_KEYLESS):
                others.append(index)
            else:
                table.add(index, each, read)
        remainder = self._remainder(conditions, others) if others else None
        return Matcher(len(conditions), table, remainder)

    def _remainder(self, conditions: Sequence[Condition], indices: Sequence[int]) -> "Remainder":
        """Those conditions that are not fast, as lists that CEL evaluates at once."""
        texts = [conditions[index].rewritten for index in indices]
        chunks: list[list[str]] = [[]]
        size = 0
        for text in texts:
            if size > _CHUNK:
                chunks.append([])
                size = 0
            chunks[-1].append(f"({text}\n)")
            size += len(text)
        env = self._environment()
        lists = [env.compile(f"[{','.join(chunk)}]") for chunk in chunks if chunk]
        used = self._used([conditions[index] for index in indices])
        readers = [(name, self._variables[name].read) for name in used]
        return Remainder(env, lists, indices, texts, readers)

    def _used(self, conditions: Sequence[Condition]) -> list[str]:
        words = {
            match["word"]
            for condition in conditions
            for match in _TOKEN.finditer(condition.rewritten)
            if match["word"]
        }
        # `request.headers.size()` is one word to the scanner: a fact counts by prefix.
        return [n for n in self._variables if any(w == n or w.startswith(n + ".") for w in words)]

    def _environment(self) -> Any:
        """Return the typed environment; it is made again only after a variable was added."""
        if self._env is None:
            self._env = cel.NewEnv(
                variables={n: _TYPES[v.kind] for n, v in self._variables.items()}
            )
        return self._env

    def _flatten(
        self,
        match: re.Match[str],
        facts: set[str],
        headers: set[str],
        faults: list[ConditionFault],
    ) -> str:
        """Replace one reference by a variable of the same length; note what it reads."""
        whole = match[0]
        if match["root"] is None:
            word = match["word"]
            if word:
                facts.update(name for name in FACTS if word == name or word.startswith(name + "."))
            return whole
        root, name, attribute = match["root"], match["name"][1:-1], match["field"] or ""
        problem = self._problem(root, name, attribute)
        if problem is not None:
            faults.append(ConditionFault(match.start("name"), *problem))
            return whole
        (headers if root == HEADERS else facts).add(name if root == HEADERS else root)
        if root == "backend":
            return self._declare((root, name, attribute), whole)
        # What follows the index is a method of the value, not a field: keep it.
        end = match.end() if not attribute else whole.rindex("]") + 1 + match.start()
        kept = whole[end - match.start() :]
        return self._declare((root, name, ""), whole[: end - match.start()]) + kept

    def _problem(self, root: str, name: str, attribute: str) -> tuple[str, str] | None:
        if root == HEADERS:
            if name.lower() in SECRET_HEADERS:
                return f"the header `{name}` holds a secret", "a policy may not read it"
            if name != name.lower():
                return f"header names are in lower case here: `{name}`", f'write "{name.lower()}"'
            return None
        if name not in self._backends:
            return f"unknown backend `{name}`", suggestion(name, self._backends, what="backends")
        if root == "backend" and attribute not in BACKEND_FACTS:
            hint = suggestion(attribute or "?", BACKEND_FACTS, what="fields")
            what = (
                f"a backend has no `{attribute}`"
                if attribute
                else f'backend["{name}"] needs a field'
            )
            return what, hint
        return None

    def _declare(self, reference: tuple[str, str, str], shape: str) -> str:
        root, name, attribute = reference
        stem = f"v{self._flat.setdefault(reference, str(len(self._flat)))}_"
        variable = stem.ljust(len(shape), "_")
        if variable not in self._variables:
            self._variables[variable] = _reader(root, name, attribute)
            self._env = None
        return variable

    def _fault(self, error: str, text: str) -> ConditionFault:
        offset, message, hint = explain_cel_error(error, text, [*FACTS], self._backends)
        return ConditionFault(offset, message, hint)


def _reader(root: str, name: str, attribute: str) -> _Variable:
    if root == "success":
        return _Variable("double", lambda signals: success_of(signals, name))
    if root == "backend":
        fact = BACKEND_FACTS[attribute]
        return _Variable(fact.kind, lambda signals: fact.read(signals.backends.get(name, ABSENT)))
    return _Variable("string", lambda signals: signals.request.headers.get(name, ""))


class Remainder:
    """Conditions that only CEL can answer."""

    __slots__ = ("_env", "_indices", "_lists", "_readers", "_singles", "_texts")

    def __init__(
        self,
        env: Any,
        lists: Sequence[Any],
        indices: Sequence[int],
        texts: Sequence[str],
        readers: Sequence[tuple[str, Callable[[Signals], Any]]],
    ) -> None:
        self._env = env
        self._lists = tuple(lists)
        self._indices = tuple(indices)
        self._texts = tuple(texts)
        self._readers = tuple(readers)
        self._singles: list[Any] = []  # one by one, compiled when a list first fails

    def matches(self, signals: Signals) -> list[Match]:
        """Return the conditions that are not false, each with its place among the route's."""
        activation = self._env.Activation({name: read(signals) for name, read in self._readers})
        truths: list[bool | None] = []
        for expression in self._lists:
            value = _value(expression, activation)
            if not isinstance(value, list):
                truths = self._one_by_one(activation)
                break
            truths.extend(value)
        return [each for each in zip(self._indices, truths, strict=True) if each[1] is not False]

    def _one_by_one(self, activation: Any) -> list[bool | None]:
        """Evaluate each alone: one condition that fails makes its whole list fail."""
        if not self._singles:
            self._singles = [self._env.compile(text) for text in self._texts]
        values = [_value(single, activation) for single in self._singles]
        return [value if isinstance(value, bool) else None for value in values]


class Matcher:
    """The compiled conditions of one route: the fast ones in a table, the others in CEL."""

    __slots__ = ("_count", "_remainder", "_table")

    def __init__(self, count: int, table: ConditionTable, remainder: Remainder | None) -> None:
        self._count = count
        self._table = table
        self._remainder = remainder

    def matches(self, signals: Signals) -> list[Match]:
        """Return the conditions that are not false, in order: the place of each, and True, or None
        where it failed (a division by zero).
        """
        matches = self._table.matches(signals)
        if self._remainder is not None:
            matches += self._remainder.matches(signals)
        if len(matches) > 1:
            matches.sort()  # by place: no two have the same
        return matches

    def truths(self, signals: Signals) -> list[bool | None]:
        """The truth of each condition, in order; None where it failed."""
        truths: list[bool | None] = [False] * self._count
        for place, truth in self.matches(signals):
            truths[place] = truth
        return truths


def _value(expression: Any, activation: Any) -> Any:
    """The plain value, or None where CEL stopped (it bounds the steps of nested loops)."""
    try:
        return expression.eval(activation).plain_value()
    except RuntimeError:
        return None
