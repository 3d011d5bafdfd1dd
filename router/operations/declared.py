"""Operations that the operator declares: paths that the gateway meters and understands no further.

Theory of operation. A row of `router.operations.table` knows its protocol; a declared one is known
by its paths alone. Its body and its answer pass as bytes, to the backends that name it in `serves`;
it is counted as a request, by the bytes of its body where that is wanted, and by the tokens that
its answer tells where the operator says at which place.

Paths are matched on the raw bytes of the request line, segment by segment. A parameter is one
segment that means the same to every server: no dots alone, and nothing encoded that would be a dot,
a slash, a backslash, a percent sign or a control character once it is decoded.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Final

from router.ask import NO_FEATURES, Ask
from router.operations.operation import Operation
from router.operations.plain import PLAIN_ASK
from router.operations.table import UNITS_OF
from router.protocols.declared import Sending, TokenPointers
from router.protocols.headers import DECLARED_REQUEST, NO_HEADERS, Fields, of_request
from router.units import BYTE, REQUEST

PROTOCOL: Final = "declared"
_TO_ANTHROPICS: Final = "declared_message"  # the same with errors in Anthropic's words
_ANTHROPICS: Final = "/v1/messages/"
_VERSION: Final = "/v1"
_LITERAL: Final = r"(?!\.{1,2}$)[A-Za-z0-9_~!$&'()*+,=:@.-]{1,256}"
_PARAMETER: Final = r"\{[a-z][a-z0-9_]{0,63}\}"
_SEGMENT: Final = re.compile(rf"{_LITERAL}|{_PARAMETER}")
# What a client may put in the place of a parameter.
_VALUE: Final = (
    r"(?!\.{1,2}(?:/|$))(?:[A-Za-z0-9_~!$&'()*+,=:@.-]"
    r"|%(?!2[eEfF5]|5[cC]|[01][0-9a-fA-F]|7[fF])[0-9a-fA-F]{2}){1,512}"
)
_UNREADABLE: Final = frozenset({"tokens"})  # text that nobody here can read
METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True, slots=True)
class DeclaredOperation:
    """One of them, as the operator wrote it.

    `paths` may hold `{parameters}`; `model` is what the policy is asked for: a route, an alias or a
    backend's name. `to` is where a backend is asked below its base address, None: at the same path,
    without the `/v1` that the address ends with, or below the server's root where the path does
    not begin so. `count_bytes`: of bodies. `tokens`: where answers tell theirs.
    """

    name: str
    paths: tuple[str, ...]
    model: str
    methods: tuple[str, ...] = ("POST",)
    to: str | None = None
    count_bytes: bool = False
    tokens: TokenPointers | None = None

    @property
    def units(self) -> tuple[str, ...]:
        """What it is counted in besides tokens."""
        return (REQUEST, BYTE) if self.count_bytes else (REQUEST,)

    def sending(self, path: str, values: Sequence[str]) -> Sending:
        """How a request of this path goes on, which has these values in its parameters' places."""
        given = dict(zip(parameters_of(path), values, strict=True))
        target = self.to or path.removeprefix(_VERSION)
        at_root = self.to is None and not path.startswith(f"{_VERSION}/")
        filled = re.sub(_PARAMETER, lambda match: given[match[0]], target)
        return Sending("", filled, at_root=at_root, tokens=self.tokens)


@dataclass(frozen=True, slots=True)
class _Place:
    """What is asked by method where one pattern matches: an operation, and its own path."""

    pattern: re.Pattern[bytes] = field(repr=False)
    asked: dict[str, tuple[DeclaredOperation, str]] = field(default_factory=dict)

    def row(self, values: Sequence[bytes], query: bytes, method: bytes) -> Operation:
        """The row of a request here; of a wrong method, one that says which there are."""
        name = method.decode("latin-1")
        operation, path = self.asked.get(name) or next(iter(self.asked.values()))
        sending = operation.sending(path, [value.decode() for value in values])
        sending = sending._replace(method=name, query=query.decode("latin-1"))
        protocol = _TO_ANTHROPICS if path.startswith(_ANTHROPICS) else PROTOCOL
        return Operation(
            operation.name,
            path,
            protocol,
            partial(_parse, operation, sending),
            names_request=protocol == _TO_ANTHROPICS,
            methods=tuple(known.encode() for known in self.asked),
        )


class DeclaredPaths:
    """The paths of all declared operations. `operations` are they by name."""

    def __init__(self, operations: Iterable[DeclaredOperation] = ()) -> None:
        self.operations: Mapping[str, DeclaredOperation] = MappingProxyType(
            {operation.name: operation for operation in operations}
        )
        self._exact: dict[bytes, _Place] = {}
        self._patterns: dict[str, _Place] = {}
        for operation in self.operations.values():
            for path in operation.paths:
                self._add(path, operation)

    def _add(self, path: str, operation: DeclaredOperation) -> None:
        pieces = re.split(_PARAMETER, path)
        pattern = re.compile(f"({_VALUE})".join(map(re.escape, pieces)).encode())
        place = _Place(pattern)
        if len(pieces) == 1:
            place = self._exact.setdefault(path.encode(), place)
        else:
            place = self._patterns.setdefault(re.sub(_PARAMETER, "{}", path), place)
        place.asked.update(dict.fromkeys(operation.methods, (operation, path)))

    def at(self, path: bytes, query: bytes, method: bytes) -> Operation | None:
        """The row that is asked at a path, whatever the method; None where there is none."""
        place = self._exact.get(path)
        if place is not None:
            return place.row((), query, method)
        for place in self._patterns.values():
            match = place.pattern.fullmatch(path)
            if match is not None:
                return place.row(match.groups(), query, method)
        return None


NO_PATHS: Final = DeclaredPaths()


def is_path(text: str) -> bool:
    """Whether a path may be declared: segments of plain characters, or one parameter each."""
    start, *segments = text.split("/")
    return not start and bool(segments) and all(map(_SEGMENT.fullmatch, segments))


def parameters_of(path: str) -> list[str]:
    """The names of a path's parameters, in order."""
    return re.findall(_PARAMETER, path)


def units_of(declared: Mapping[str, DeclaredOperation]) -> dict[str, tuple[str, ...]]:
    """What each operation is counted in besides tokens, those that are counted in anything."""
    return {**UNITS_OF, **{name: each.units for name, each in declared.items()}}


def needs_no_tokens(name: str, declared: Mapping[str, DeclaredOperation]) -> bool:
    """Whether an operation may cost nothing but its units."""
    operation = declared.get(name)
    return name in UNITS_OF if operation is None else operation.tokens is None


def _parse(
    operation: DeclaredOperation, sending: Sending, raw: bytes, headers: Fields = NO_HEADERS
) -> Ask:
    """The ask of a request. Nothing in its body can be wrong."""
    counted = {REQUEST: 1, BYTE: len(raw)}
    tokens = operation.tokens
    return PLAIN_ASK._replace(
        operation=operation.name,
        protocol=PROTOCOL,
        path=sending.path,
        raw=raw,
        model=operation.model,
        stream=True,  # nobody knows before the answer is there
        max_output_tokens=None if tokens is not None and tokens.output is not None else 0,
        text_bytes=len(raw) if tokens is not None else 0,
        features=NO_FEATURES if _is_text(raw) else _UNREADABLE,
        headers=of_request(DECLARED_REQUEST, headers),
        read_texts=_texts,
        units=tuple([(unit, counted[unit]) for unit in operation.units]),
        declared=sending,
    )


def _is_text(raw: bytes) -> bool:
    if raw.isascii():
        return True
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def _texts(ask: Ask) -> list[str]:
    """All that leaves: the body, and what the address says."""
    sending: Sending = ask.declared
    return [ask.raw.decode(errors="replace"), sending.path, sending.query]


def overlapping(first: str, second: str) -> bool:
    """Whether one request may match both paths: a parameter matches any segment."""
    one, other = first.split("/"), second.split("/")
    return len(one) == len(other) and all(
        a == b or a.startswith("{") or b.startswith("{") for a, b in zip(one, other, strict=True)
    )


def clashes(operations: Iterable[DeclaredOperation]) -> Iterator[tuple[str, str, str]]:
    """Two paths of which nobody could say whose a request is: an operation, its path, and the path
    of another one that it meets. A path without parameters comes before one with some."""
    seen: list[tuple[str, DeclaredOperation]] = []
    for operation in operations:
        for path in operation.paths:
            for earlier, other in seen:
                if _clash(path, operation, earlier, other):
                    yield operation.name, path, earlier
            seen.append((path, operation))


def _clash(path: str, operation: DeclaredOperation, earlier: str, other: DeclaredOperation) -> bool:
    shape, known = (re.sub(_PARAMETER, "{}", each) for each in (path, earlier))
    if shape == known:
        return not set(operation.methods).isdisjoint(other.methods)
    return "{" in path and "{" in earlier and overlapping(path, earlier)
