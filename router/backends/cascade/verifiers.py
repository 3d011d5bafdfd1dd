"""Cheap checks of an answer, so that a small model may try first. Pure; one row each.

A verifier says what is wrong, in a few words, or None. It only says so where it is sure: a wrong
alarm costs a second answer. Those that are `early` can judge the beginning of a stream.
"""

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import orjson

from policies import plugins
from policies.plugins import Extended
from policies.verifiers import VERIFIERS as KNOWN
from router.ask import Ask
from router.backends.cascade.json_schema import misfit
from router.backends.cascade.verifier import Verifier
from router.protocols.hub.answer import LENGTH, REFUSAL, WINDOW, Alternative, Stop
from router.protocols.table import PROTOCOLS
from router.protocols.wanted import Wanted

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


def not_empty(answer: Alternative, _request: Ask) -> str | None:
    """It says something, or calls a tool."""
    return None if answer.text.strip() or answer.calls or answer.refusal else "empty"


def not_refusal(answer: Alternative, _request: Ask) -> str | None:
    """It does not begin with a refusal, and was not filtered."""
    if answer.refusal or (answer.stop is not None and answer.stop.reason == REFUSAL):
        return "refused"
    if not answer.calls and _REFUSAL.match(answer.text[:200]):
        return "refused"
    return None


def not_truncated(answer: Alternative, request: Ask) -> str | None:
    """It came to its end, unless the client itself set the limit that it ran into."""
    cut = answer.stop is not None and answer.stop.reason in (LENGTH, WINDOW)
    return "truncated" if cut and request.max_output_tokens is None else None


def json_schema(answer: Alternative, request: Ask) -> str | None:
    """It is the JSON that was asked for."""
    wanted = _wanted(request)
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


def valid_json(answer: Alternative, request: Ask) -> str | None:
    """It is JSON, where JSON of any kind was asked for."""
    if _wanted(request).form is None or answer.calls:
        return None
    return None if _is_json(answer.text) else "not JSON"


def tool_calls(answer: Alternative, request: Ask) -> str | None:
    """Its tool calls name tools that exist, with arguments that fit."""
    wanted = _wanted(request)
    schemas = wanted.tools
    for call in answer.calls:
        if call.name not in schemas:
            return "calls an unknown tool"
        try:
            value = orjson.loads(call.arguments or "{}")
        except orjson.JSONDecodeError:
            return "calls a tool with broken arguments"
        if not isinstance(value, dict) or misfit(value, schemas[call.name]):
            return "calls a tool with wrong arguments"
    if wanted.call and schemas and not answer.calls:
        return "calls no tool"
    return None


def _wanted(request: Ask) -> Wanted:
    """What the client asked the answer to fit."""
    return PROTOCOLS[request.protocol].wanted(request.body)


def code_parses(answer: Alternative, _request: Ask) -> str | None:
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


def confident(answer: Alternative, _request: Ask) -> str | None:
    """Where the backend reports log-probabilities: it was not guessing."""
    mean = answer.mean_logprob
    return None if mean is None or mean >= MIN_LOGPROB else "unsure"


VERIFIERS: Final[Extended[Verifier]] = Extended(
    plugins.VERIFIERS,
    {
        "not_empty": Verifier(not_empty, early=True),
        "not_refusal": Verifier(not_refusal, early=True),
        "not_truncated": Verifier(not_truncated),
        "json_schema": Verifier(json_schema),
        "valid_json": Verifier(valid_json),
        "tool_calls": Verifier(tool_calls),
        "code_parses": Verifier(code_parses),
        "confident": Verifier(confident, early=True),
    },
    Verifier,
)
if set(VERIFIERS) != set(KNOWN):
    raise AssertionError("policies.verifiers and this table name different checks")


def first_failure(
    names: Sequence[str], answers: Sequence[Alternative], request: Ask, *, early: bool
) -> tuple[str, str] | None:
    """The first verifier that finds something wrong with any choice, and what; None if none does.

    `early`: the answers are beginnings, so only verifiers that can judge those are asked, unless
    the answer has already come to its end.
    """
    for name in names:
        verifier = VERIFIERS[name]
        for answer in answers or (Alternative((), Stop()),):
            if early and answer.stop is None and not verifier.early:
                continue
            wrong = verifier.check(answer, request)
            if wrong is not None:
                return name, wrong
    return None
