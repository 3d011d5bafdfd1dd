"""The checks that a cascade may name: cheap, so that a small model may try first. One row each.

A verifier says what is wrong, in a few words, or None. It only says so where it is sure: a wrong
alarm costs a second answer. Those that are `early` can judge the beginning of a stream.
"""

import ast
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import orjson

from policies import plugins
from policies.json_schema import misfit
from policies.plugins import Extended
from policies.verifier import Answered, Verifier, Wanted

MIN_LOGPROB: Final = -1.2  # mean per token; below it, the model was guessing
_CODE_CAP: Final = 100_000  # characters of one block of code
_FENCE: Final = re.compile(r"^```([\w+-]*)[^\n]*\n(.*?)^```", re.DOTALL | re.MULTILINE)
_REFUSAL: Final = re.compile(
    r"\s*(?:i['’]?m (?:really |very )?sorry|sorry|i apologi[sz]e|unfortunately|"
    r"as an ai(?: language)? model|i['’]?m afraid)?[\s,.!:;—-]*(?:but |however |that )?\s*"
    r"(?:i['’]m (?:not able|unable) to|i (?:can(?:['’]t|not)|am (?:not able|unable) to|won['’]t"
    r"|do(?:n['’]t| not) (?:have (?:access|enough|the ability)|know))|"
    r"es tut mir leid|je suis désolé|lo siento)",
    re.IGNORECASE,
)


def not_empty(answer: Answered, _wanted: Wanted) -> str | None:
    """It says something, or calls a tool."""
    return None if answer.text.strip() or answer.calls or answer.refusal else "empty"


def not_refusal(answer: Answered, _wanted: Wanted) -> str | None:
    """It does not begin with a refusal, and was not filtered."""
    if answer.refusal or answer.filtered:
        return "refused"
    if not answer.calls and _REFUSAL.match(answer.text[:200]):
        return "refused"
    return None


def not_truncated(answer: Answered, wanted: Wanted) -> str | None:
    """It came to its end, unless the client itself set the limit that it ran into."""
    return "truncated" if answer.truncated and not wanted.limited else None


def json_schema(answer: Answered, wanted: Wanted) -> str | None:
    """It is the JSON that was asked for."""
    if wanted.form is None or answer.calls:
        return None
    try:
        value = orjson.loads(answer.text)
    except orjson.JSONDecodeError:
        return "not JSON"
    if wanted.form == "json_object":
        return None if isinstance(value, dict) else "not a JSON object"
    where = misfit(value, wanted.schema)
    return None if where is None else f"does not fit the schema at {where[:80]}"


def valid_json(answer: Answered, wanted: Wanted) -> str | None:
    """It is JSON, where JSON of any kind was asked for."""
    if wanted.form is None or answer.calls:
        return None
    return None if _is_json(answer.text) else "not JSON"


def tool_calls(answer: Answered, wanted: Wanted) -> str | None:
    """Its tool calls name tools that exist, with arguments that fit."""
    schemas = wanted.tools
    for call in answer.calls:
        if call.name not in schemas:
            return "calls an unknown tool"
        if call.kind == "custom":
            continue
        try:
            value = orjson.loads(call.arguments or "{}")
        except orjson.JSONDecodeError:
            return "calls a tool with broken arguments"
        if not isinstance(value, dict) or misfit(value, schemas[call.name]):
            return "calls a tool with wrong arguments"
    if wanted.call and schemas and not answer.calls:
        return "calls no tool"
    return None


def code_parses(answer: Answered, _wanted: Wanted) -> str | None:
    """Its Python and JSON blocks are Python and JSON."""
    for language, code in _FENCE.findall(answer.text):
        parse = _LANGUAGES.get(language.lower())
        if parse is not None and len(code) <= _CODE_CAP and not parse(code):
            return f"{language.lower()} that does not parse"
    return None


def _is_python(code: str) -> bool:
    if ">>> " in code:
        return True  # a session, not a program
    try:
        ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _is_json(code: str) -> bool:
    try:
        orjson.loads(code)
    except orjson.JSONDecodeError:
        return False
    return True


_LANGUAGES: Final[Mapping[str, Callable[[str], bool]]] = MappingProxyType(
    {"python": _is_python, "py": _is_python, "json": _is_json}
)


def confident(answer: Answered, _wanted: Wanted) -> str | None:
    """Where the backend reports log-probabilities: it was not guessing."""
    mean = answer.mean_logprob
    return None if mean is None or mean >= MIN_LOGPROB else "unsure"


VERIFIERS: Final[Extended[Verifier]] = Extended(
    plugins.VERIFIERS,
    {
        "not_empty": Verifier(not_empty, early=True, meaning="no text and no tool call"),
        "not_refusal": Verifier(
            not_refusal, early=True, meaning="it begins with a refusal, or was filtered"
        ),
        "not_truncated": Verifier(
            not_truncated, meaning="it ran into a limit that the client did not set"
        ),
        "json_schema": Verifier(
            json_schema, meaning="it does not fit the schema that was asked for"
        ),
        "valid_json": Verifier(valid_json, meaning="JSON was asked for, and it is none"),
        "tool_calls": Verifier(
            tool_calls,
            meaning="an unknown tool, broken or unfitting arguments, or none although required",
        ),
        "code_parses": Verifier(code_parses, meaning="a Python or JSON block that does not parse"),
        "confident": Verifier(
            confident,
            early=True,
            meaning="mean log-probability under -1.2, where the backend reports it",
        ),
    },
    Verifier,
)
