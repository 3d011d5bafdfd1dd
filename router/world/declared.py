"""Operations that the operator declares, as turnout.yaml has them, and what may be wrong there."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field

from policies.findings import suggestion
from policies.language.source import Path
from policies.policy import Policy
from router.backends.backend import Backend
from router.operations.declared import (
    METHODS,
    DeclaredOperation,
    DeclaredPaths,
    clashes,
    is_path,
    parameters_of,
)
from router.operations.reserved import reserved_by
from router.operations.table import OPERATIONS
from router.protocols.declared import Pointer, TokenPointers
from router.world.config_values import OPERATION_NAMES, wrong
from router.world.section import Section

_TAKEN: Final = OPERATION_NAMES | {row.name for row in OPERATIONS}
_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_POINTER: Final = re.compile(r"(/([^~/]|~[01])*)+")
_HOW: Final = (
    "begin it with a slash; each segment is plain characters, or one {parameter} in braces: "
    "/v1/jobs/{job}"
)
# A mistake: where it is below `operations`, what it is, what to write instead.
Mistake = tuple[Path, str, str]


def _path(value: Any) -> str:
    if not isinstance(value, str) or not is_path(value):
        raise wrong("is not a path that can be declared", _HOW)
    names = parameters_of(value)
    if len(set(names)) < len(names):
        raise wrong("has two parameters of one name", "give each its own: /v1/{one}/{other}")
    return value


def _paths(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else (value,)


def _methods(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not set(METHODS).issuperset(map(str, value)):
        raise wrong("is not a list of methods", f"of these: {', '.join(METHODS)}")
    return tuple(value)


def _pointer(value: Any) -> str:
    if not isinstance(value, str) or _POINTER.fullmatch(value) is None:
        raise wrong("is not a JSON pointer", "write where it stands: /usage/input_tokens")
    return value


_Path = Annotated[str, BeforeValidator(_path)]
_Pointer = Annotated[str, BeforeValidator(_pointer)]


class TokenSection(Section):
    """Where an answer tells its tokens, as JSON pointers."""

    input: _Pointer | None = None
    output: _Pointer | None = None


class OperationSection(Section):
    """One operation: its paths, what the policy is asked for, and how it is counted."""

    paths: Annotated[tuple[_Path, ...], BeforeValidator(_paths)] = Field(min_length=1)
    methods: Annotated[tuple[str, ...], BeforeValidator(_methods)] = ("POST",)
    model: str = Field(min_length=1)
    to: _Path | None = None
    count_bytes: bool = False
    tokens: TokenSection | None = None


def declared_of(sections: Mapping[str, OperationSection]) -> DeclaredPaths:
    """The operations of these sections, which have no mistakes."""
    return DeclaredPaths([_operation(name, section) for name, section in sections.items()])


def _operation(name: str, section: OperationSection) -> DeclaredOperation:
    tokens = section.tokens
    return DeclaredOperation(
        name,
        section.paths,
        section.model,
        section.methods,
        section.to,
        section.count_bytes,
        None if tokens is None else TokenPointers(_names(tokens.input), _names(tokens.output)),
    )


def _names(pointer: str | None) -> Pointer | None:
    if pointer is None:
        return None
    parts = pointer.split("/")[1:]
    return tuple([part.replace("~1", "/").replace("~0", "~") for part in parts])


def mistakes(sections: Mapping[str, OperationSection]) -> Iterator[Mistake]:
    """What is wrong with them beyond each key by itself."""
    for name, section in sections.items():
        if name in _TAKEN or _NAME.fullmatch(name) is None:
            hint = "small letters, digits and dashes, and no operation of the gateway's own"
            yield (name,), f"an operation cannot be called `{name}`", hint
        for at, path in enumerate(section.paths):
            own = reserved_by(path)
            if own is not None:
                hint = f"`{own}` is the gateway's own; choose another path, and say in `to` where"
                yield (name, "paths", at), f"`{path}` could mean a path of the gateway's", hint
            missing = set(parameters_of(section.to or "")) - set(parameters_of(path))
            if missing:
                hint = f"`{path}` has no {{{min(missing)}}}: name its own parameters alone"
                yield (name, "to"), "names a parameter that a path lacks", hint
        if section.tokens is not None and section.tokens == TokenSection():
            hint = "write input, output, or both"
            yield (name, "tokens"), "says of no tokens where they are told", hint
    every = [_operation(name, section) for name, section in sections.items()]
    for name, path, other in clashes(every):
        at = sections[name].paths.index(path)
        hint = "let them differ in a segment that is no parameter, or in their methods"
        yield (name, "paths", at), f"`{path}` could mean `{other}` too", hint


def unrouted(
    declared: DeclaredPaths, backends: Mapping[str, Backend], policy: Policy
) -> Iterator[Mistake]:
    """What a policy sends nowhere, or to backends alone that do not have it."""
    for name, operation in declared.operations.items():
        where, asked = (name, "model"), operation.model
        route = policy.resolve(asked)
        if route is None:
            hint = suggestion(asked, (*policy.routes, *policy.aliases), what="routes")
            yield where, f"`{asked}` is no route, alias or backend of the policy", hint
            continue
        serving = [each.name for each in backends.values() if name in (each.serves or ())]
        candidates = policy.routes[route].candidates if route in policy.routes else (route,)
        if not set(candidates).intersection(serving):
            hint = f"make one of these a candidate: {', '.join(serving)}"
            yield where, f"no candidate of `{asked}` serves `{name}`", hint
