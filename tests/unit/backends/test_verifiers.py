"""What each verifier is sure of, and what it lets pass."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from policies.json_schema import misfit
from policies.verifiers import VERIFIERS
from router.ask import Ask
from router.backends.cascade.verifiers import first_failure
from router.operations.response import parse_response
from router.protocols.hub.answer import CALLS, LENGTH, REFUSAL, Alternative, Logprob, Stop
from router.protocols.hub.conversation import Call, Text
from router.protocols.sse import encode
from router.protocols.table import PROTOCOLS

Chat = Callable[..., Ask]
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "n": {"type": "integer", "minimum": 0}},
    "required": ["city"],
    "additionalProperties": False,
}
WANTED = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}


def says(
    text: str = "",
    stop: str | None = None,
    calls: list[tuple[str, str]] | None = None,
    logprobs: list[float] | None = None,
) -> Alternative:
    called = [Call("c", name, arguments) for name, arguments in calls or []]
    scored = tuple(Logprob("t", one) for one in logprobs or [])
    reason = None if stop is None else Stop(stop)
    return Alternative((*([Text(text)] if text else []), *called), reason, scored)


def wrong(name: str, answer: Alternative, request: Ask) -> str | None:
    failure = first_failure((name,), [answer], request, early=False)
    return None if failure is None else failure[1]


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I cannot assist with this request.",
        "As an AI language model, I do not have access to the internet.",
        "Unfortunately, I am unable to do so.",
        "I'm unable to provide that.",
        "Es tut mir leid, das kann ich nicht.",
    ],
)
def test_a_refusal_is_seen(chat: Chat, text: str) -> None:
    assert wrong("not_refusal", says(text), chat()) == "refused"


@pytest.mark.parametrize(
    "text",
    [
        "Paris is the capital of France.",
        "I can help with that. First, open the file.",
        "The function returns 'I cannot' when the door is locked.",
        "Sorry for the delay! Here is the code.",
        "I know three ways.",
    ],
)
def test_an_answer_is_not_taken_for_a_refusal(chat: Chat, text: str) -> None:
    assert wrong("not_refusal", says(text), chat()) is None


def test_a_filtered_answer_is_a_refusal(chat: Chat) -> None:
    assert wrong("not_refusal", says("x", stop=REFUSAL), chat())


def test_empty_is_neither_text_nor_a_tool_call(chat: Chat) -> None:
    assert wrong("not_empty", says(" \n"), chat()) == "empty"
    assert wrong("not_empty", says(calls=[("f", "{}")]), chat()) is None


def test_running_into_the_clients_own_limit_is_no_fault(chat: Chat) -> None:
    cut = says("x", stop=LENGTH)
    assert wrong("not_truncated", cut, chat()) == "truncated"
    assert wrong("not_truncated", cut, chat(max_tokens=5)) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"city":"Oslo"}', None),
        ('{"city":"Oslo","n":3}', None),
        ("Oslo", "not JSON"),
        ("{}", "does not fit the schema at $.city"),
        ('{"city":1}', "does not fit the schema at $.city"),
        ('{"city":"Oslo","n":-1}', "does not fit the schema at $.n"),
        ('{"city":"Oslo","more":1}', "does not fit the schema at $.more"),
    ],
)
def test_json_is_held_to_its_schema(chat: Chat, text: str, expected: str | None) -> None:
    assert wrong("json_schema", says(text), chat(response_format=WANTED)) == expected


def test_text_is_not_held_to_a_schema_that_nobody_asked_for(chat: Chat) -> None:
    assert wrong("json_schema", says("Oslo"), chat()) is None


def test_valid_json_asks_for_no_schema(chat: Chat) -> None:
    assert wrong("valid_json", says("{}"), chat(response_format=WANTED)) is None
    assert wrong("valid_json", says("Oslo"), chat(response_format=WANTED)) == "not JSON"
    assert wrong("valid_json", says("Oslo"), chat()) is None


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        ([("weather", '{"city":"Oslo"}')], None),
        ([("stocks", "{}")], "calls an unknown tool"),
        ([("weather", "{city")], "calls a tool with broken arguments"),
        ([("weather", "{}")], "calls a tool with wrong arguments"),
        ([], None),
    ],
)
def test_tool_calls_are_held_to_the_tools(
    chat: Chat, calls: list[tuple[str, str]], expected: str | None
) -> None:
    assert wrong("tool_calls", says(calls=calls), chat(tools=[TOOL])) == expected


def test_what_a_custom_tool_is_given_need_be_no_json(chat: Chat) -> None:
    custom = {"type": "custom", "custom": {"name": "run"}}
    answer = Alternative((Call("c", "run", "ls -l", "custom"),), Stop(CALLS))
    assert wrong("tool_calls", answer, chat(tools=[custom])) is None


def test_tools_of_a_response_are_known_by_their_flat_names() -> None:
    function = {"type": "function", "name": "find", "parameters": {"type": "object"}}
    namespace = {"type": "namespace", "name": "crm", "description": "d", "tools": [function]}
    search = {"type": "tool_search", "execution": "client", "parameters": {"type": "object"}}
    body = {"model": "a", "input": "x", "tools": [namespace, search]}
    ask = parse_response(orjson.dumps(body))
    calls = (Call("c", "crm__find", "{}"), Call("d", "tool_search", "{}"))
    assert wrong("tool_calls", Alternative(calls, Stop(CALLS)), ask) is None
    unknown = Alternative((Call("c", "find", "{}"),), Stop(CALLS))
    assert wrong("tool_calls", unknown, ask) == "calls an unknown tool"


def test_a_required_tool_must_be_called(chat: Chat) -> None:
    request = chat(tools=[TOOL], tool_choice="required")
    assert wrong("tool_calls", says("Oslo is cold."), request) == "calls no tool"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("```python\nx = 1\n```", None),
        ("```python\nx = = 1\n```", "python that does not parse"),
        ("```py\n>>> x = = 1\n```", None),
        ('```json\n{"a":}\n```', "json that does not parse"),
        ("```rust\nfn fn fn\n```", None),
        ("no code at all", None),
        ("```python\n" + "(" * 5000 + "\n```", "python that does not parse"),
    ],
)
def test_code_must_parse(chat: Chat, code: str, expected: str | None) -> None:
    assert wrong("code_parses", says(code), chat()) == expected


def test_guessing_is_seen_only_where_the_backend_reports_it(chat: Chat) -> None:
    assert wrong("confident", says("x"), chat()) is None
    assert wrong("confident", says("x", logprobs=[-0.1, -0.2]), chat()) is None
    assert wrong("confident", says("x", logprobs=[-3.0, -2.0]), chat()) == "unsure"


def test_the_beginning_of_a_stream_is_judged_by_early_verifiers_only(chat: Chat) -> None:
    request = chat(response_format=WANTED)
    begun = [says('{"city":')]
    assert first_failure(tuple(VERIFIERS), begun, request, early=True) is None
    ended = [says('{"city":', stop="end")]
    assert first_failure(tuple(VERIFIERS), ended, request, early=True) is not None


def test_every_choice_must_pass(chat: Chat) -> None:
    answers = [says("fine", stop="end"), says("", stop="end")]
    assert first_failure(("not_empty",), answers, chat(), early=False) == ("not_empty", "empty")
    assert first_failure(("not_empty",), [], chat(), early=False) == ("not_empty", "empty")


def test_a_stream_is_read_as_its_whole_body_would_be() -> None:
    call = {"id": "1", "function": {"name": "f", "arguments": '{"a":1}'}}
    whole = {
        "choices": [
            {
                "message": {"content": "Hello", "tool_calls": [call]},
                "finish_reason": "tool_calls",
                "logprobs": {"content": [{"logprob": -0.5}, {"logprob": -0.5}]},
            }
        ]
    }

    def piece(delta: dict[str, Any], **more: Any) -> bytes:
        return encode(orjson.dumps({"choices": [{"index": 0, "delta": delta} | more]}))

    some = {"logprobs": {"content": [{"logprob": -0.5}]}}
    begun = {"index": 0, "id": "1", "function": {"name": "f", "arguments": ""}}
    stream = (
        piece({"role": "assistant", "content": ""})
        + piece({"content": "Hel"}, **some)
        + piece({"content": "lo"}, **some)
        + piece({"tool_calls": [begun]})
        + piece({"tool_calls": [{"index": 0, "function": {"arguments": '{"a":1}'}}]})
        + piece({}, finish_reason="tool_calls")
        + encode(b"[DONE]")
    )
    assert PROTOCOLS["chat"].read_stream(stream) == PROTOCOLS["chat"].read_body(orjson.dumps(whole))


@pytest.mark.parametrize(
    ("value", "schema", "fits"),
    [
        (1, {"type": ["string", "integer"]}, True),
        (True, {"type": "integer"}, False),
        (1.0, {"type": "integer"}, True),
        ("b", {"enum": ["a", "b"]}, True),
        ("c", {"enum": ["a", "b"]}, False),
        (3, {"anyOf": [{"type": "string"}, {"minimum": 5}]}, False),
        (7, {"allOf": [{"minimum": 5}, {"maximum": 9}]}, True),
        ([1, "x"], {"type": "array", "items": {"type": "integer"}}, False),
        ({"a": {"a": {}}}, {"$ref": "#/$defs/t", "$defs": {"t": {
            "properties": {"a": {"$ref": "#/$defs/t"}}, "additionalProperties": False}}}, True),
        ({"b": 1}, {"$ref": "#/$defs/t", "$defs": {"t": {
            "properties": {"a": {}}, "additionalProperties": False}}}, False),
        ("x", {"$ref": "#/nowhere"}, True),
        ("x", {"unknown": "keyword"}, True),
    ],
)  # fmt: skip
def test_schemas(value: Any, schema: Any, fits: bool) -> None:
    assert (misfit(value, schema) is None) is fits
