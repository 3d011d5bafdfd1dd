"""CEL's error texts -> ours: what is wrong with a condition, and what to write instead."""

import re
from collections.abc import Sequence
from typing import Final

from policies.findings import suggestion
from policies.language.facts import HEADERS

_PLACE: Final = re.compile(r"ERROR: <input>:(\d+):(\d+): ([^\n]*)")
_UNDECLARED: Final = re.compile(r"undeclared reference to '([^']*)'")
_OVERLOAD: Final = re.compile(r"found no matching overload for '([^']*)' applied to '\(?(.*?)\)?'$")
_OPERATORS: Final = {"_>_": ">", "_<_": "<", "_>=_": ">=", "_<=_": "<=", "_==_": "==", "_!=_": "!="}
_CONNECTIVES: Final = {"_&&_": "&&", "_||_": "||", "!_": "!"}
_ARITHMETIC: Final = {"_+_": "+", "_-_": "-", "_*_": "*", "_/_": "/", "_%_": "%", "@in": "in"}
_FUNCTIONS: Final = (
    "size", "contains", "startsWith", "endsWith", "matches", "exists", "all", "int", "double",
    "string", "has",
)  # fmt: skip
_KINDS: Final = {
    "int": "a whole number",
    "double": "a fraction",
    "string": "text",
    "bool": "true or false",
    "list(string)": "a list",
}
_WORDS: Final = {"and": "&&", "or": "||", "not": "!"}


def explain_cel_error(
    error: str, text: str, facts: Sequence[str], backends: Sequence[str]
) -> tuple[int, str, str]:
    """(character offset, message, hint) of the first thing that CEL's `error` says of `text`."""
    place = _PLACE.search(error)
    if place is None:
        return (
            0,
            "the condition is too complicated",
            "it is nested too deeply: make it several rules",
        )
    offset = _offset(text, int(place[1]), int(place[2]))
    raw = place[3].removesuffix(" [INVALID_ARGUMENT]")
    undeclared = _UNDECLARED.search(raw)
    if undeclared:
        name = undeclared[1]
        if re.match(
            rf"{re.escape(name)}\s*\(", text[max(text.rfind(name, 0, offset + len(name)), 0) :]
        ):
            start = text.rfind(name, 0, offset + len(name))
            return (
                start,
                f"there is no function `{name}`",
                suggestion(name, _FUNCTIONS, what="functions"),
            )
        start = text.rfind(name, 0, offset + len(name))
        return max(start, 0), *_unknown(name, facts, backends)
    overload = _OVERLOAD.search(raw)
    if overload:
        return offset, *_mismatch(overload[1], overload[2])
    return offset, *_syntax(raw, text, offset)


def _offset(text: str, line: int, column: int) -> int:
    lines = text.split("\n")
    before = sum(len(part) + 1 for part in lines[: line - 1])
    return min(before + column - 1, max(len(text) - 1, 0))


def _unknown(name: str, facts: Sequence[str], backends: Sequence[str]) -> tuple[str, str]:
    root = name.split(".", 1)[0]
    if root in ("backend", "success"):
        which = backends[0] if backends else "name"
        shape = f'backend["{which}"].healthy' if root == "backend" else f'success["{which}"]'
        return f"`{name}` needs a backend's name in brackets", f"write {shape}"
    if name == HEADERS:
        return f"`{name}` needs a header's name in brackets", f'write {name}["x-app"] != ""'
    below = [fact for fact in facts if fact.startswith(name + ".")]
    if below:
        return f"`{name}` is a group of facts, not a fact", "known facts: " + ", ".join(below)
    neighbours = [fact for fact in facts if fact.startswith(root + ".")]
    if neighbours:
        hint = suggestion(name, neighbours, what=f"facts of `{root}`")
        return f"unknown name `{name}`", hint
    hint = suggestion(name, [*facts, "success", "backend"], what="names")
    if not hint.startswith("did"):
        hint = f'a text needs quotes: "{name}"; names of facts are listed in docs/policy.md'
    return f"unknown name `{name}`", hint


def _mismatch(operator: str, types: str) -> tuple[str, str]:
    kinds = types.split(", ")
    if operator in _OPERATORS and len(kinds) == 2:
        first, second = (kind_words(kind) for kind in kinds)
        message = f"`{_OPERATORS[operator]}` cannot compare {first} with {second}"
        return message, _comparable(kinds)
    if operator in _CONNECTIVES:
        message = f"`{_CONNECTIVES[operator]}` needs conditions, not {_listed(kinds)}"
        return message, "compare the value with something first"
    symbol = _ARITHMETIC.get(operator, operator)
    return f"`{symbol}` does not work on {_listed(kinds)}", ""


def kind_words(kind: str) -> str:
    """A CEL type in plain words."""
    return _KINDS.get(kind, kind)


def _listed(kinds: Sequence[str]) -> str:
    return " and ".join(kind_words(kind) for kind in kinds)


def _comparable(kinds: Sequence[str]) -> str:
    if set(kinds) == {"int", "double"}:
        if kinds[0] == "double":
            return "this fact is a fraction: write 1.0 rather than 1"
        return "this fact is a whole number: write it without a decimal point"
    if "string" in kinds and ("int" in kinds or "double" in kinds):
        return "numbers are written without quotes, texts with quotes"
    if "bool" in kinds:
        return "a yes-or-no fact stands alone: `request.pii`, or `!request.pii`"
    return ""


def _syntax(raw: str, text: str, offset: int) -> tuple[str, str]:
    rest = text[offset:].lstrip()
    if "<EOF>" in raw and "expecting <EOF>" not in raw and "token recognition" not in raw:
        return "the condition ends too early", "something is missing at its end"
    word = re.match(r"[A-Za-z]+", rest)
    if word and word[0].lower() in _WORDS:
        return f"`{word[0]}` is not an operator", f"write `{_WORDS[word[0].lower()]}`"
    if re.match(r"=[^=]", rest):
        return "`=` is not an operator", "compare with `==`"
    if re.match(r"[&|](?![&|])", rest):
        return f"`{rest[0]}` is not an operator", f"write `{rest[0] * 2}`"
    if rest[:1] in ("'", '"') and "token recognition" in raw:
        return "a quote is not closed", "close it"
    return (
        f"`{rest[:12].split()[0] if rest.split() else ''}` is not expected here",
        "check operators and brackets",
    )
