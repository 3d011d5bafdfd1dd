"""What a chat request is read as, and what is refused at the edge."""

import json
from typing import Any

import pytest

from router.ask import Ask
from router.errors import BadRequest
from router.operations.chat import parse_chat

HELLO = [{"role": "user", "content": "Hello"}]


def chat(**fields: Any) -> Ask:
    return parse_chat(json.dumps({"model": "auto", "messages": HELLO} | fields).encode())


def refused(raw: bytes) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        parse_chat(raw)
    return caught.value


def test_a_minimal_request_has_openai_defaults() -> None:
    request = chat()
    assert (request.model, request.stream, request.choices) == ("auto", False, 1)
    assert request.max_output_tokens is None
    assert request.user is None
    assert not request.include_usage


def test_unknown_fields_are_kept() -> None:
    assert chat(made_up={"deep": [1, 2]}).body["made_up"] == {"deep": [1, 2]}


def test_the_larger_of_the_two_output_limits_counts() -> None:
    assert chat(max_tokens=10, max_completion_tokens=25).max_output_tokens == 25


def test_system_and_developer_messages_form_the_system_prompt() -> None:
    request = chat(
        messages=[
            {"role": "system", "content": "Be brief."},
            {"role": "developer", "content": [{"type": "text", "text": "Be kind."}]},
            *HELLO,
        ]
    )
    assert request.prompt.system == "Be brief.\nBe kind."
    assert [(turn.role, turn.text) for turn in request.prompt.turns] == [("user", "Hello")]


def test_text_is_counted_in_utf8_bytes() -> None:
    assert chat(messages=[{"role": "user", "content": "où 你"}]).text_bytes == 7


def test_tools_and_schema_count_as_text_a_model_reads() -> None:
    tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
    schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
    request = chat(tools=[tool], response_format=schema)
    assert request.tools == ("weather",)
    assert request.json_schema
    assert request.text_bytes > len("Hello") + 60


def test_images_are_counted_and_their_bytes_are_not_text() -> None:
    parts = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 5000}},
    ]
    request = chat(messages=[{"role": "user", "content": parts}])
    assert request.images == 1
    assert request.text_bytes == len("What is this?")


def test_an_assistant_turn_with_only_tool_calls_is_accepted() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    request = chat(messages=[*HELLO, {"role": "assistant", "content": None, "tool_calls": [call]}])
    assert request.prompt.turns[1].text == ""


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": 5}, "model"),
        ({"model": ""}, "model"),
        ({"model": "a\r\nx-evil: 1"}, "model"),
        ({"model": "a" * 257}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"messages": ["hi"]}, "messages[0]"),
        ({"messages": [{"role": 1, "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 1}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [1]}]}, "messages[0].content[0]"),
        (
            {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
            "messages[0].content[0].text",
        ),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": True}, "stream_options"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"max_completion_tokens": 1.5}, "max_completion_tokens"),
        ({"n": 129}, "n"),
        ({"user": "a\nb"}, "user"),
        ({"tools": {}}, "tools"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
        ({"response_format": "json"}, "response_format"),
        ({"stop": [1]}, "stop"),
        ({"reasoning_effort": ["low"]}, "reasoning_effort"),
        ({"tool_choice": 1}, "tool_choice"),
        (
            {"messages": [{"role": "assistant", "tool_calls": [None]}]},
            "messages[0].tool_calls[0]",
        ),
        ({"api_base": "http://169.254.169.254/"}, "api_base"),
        ({"extra_body": {"api_key": "k"}}, "api_key"),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], param: str) -> None:
    raw = json.dumps({"model": "auto", "messages": HELLO} | fields).encode()
    assert refused(raw).param == param


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b'"text"',
        b"{",
        b'{"model":"a"}x',
        b'\xef\xbb\xbf{"model":"a"}',
        '{"model":"a"}'.encode("utf-16"),
        b'{"model":"\xff"}',
        b'{"model":"\\ud800"}',
        b'{"temperature":NaN}',
        b'{"temperature":1e400}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
)
def test_what_is_no_json_object_is_refused(raw: bytes) -> None:
    assert refused(raw).status == 400


def test_the_message_of_a_json_error_holds_none_of_the_body() -> None:
    assert "secret" not in refused(b'{"model": "secret" "x"}').message


@pytest.mark.parametrize(
    "raw",
    [
        b'{"model":"cheap","messages":[{"role":"user","content":"x"}],"model":"dear"}',
        b'{"model":"cheap","messages":[{"role":"user","content":"x"}],"mod\\u0065l":"dear"}',
    ],
)
def test_a_second_model_is_refused(raw: bytes) -> None:
    assert refused(raw).param == "model"


def test_the_same_word_deeper_down_is_no_repetition() -> None:
    assert chat(metadata={"model": "x", "n": "2"}, n=2).choices == 2


@pytest.mark.parametrize("depth", [245, 900])
def test_a_body_that_could_not_be_written_again_is_refused(depth: int) -> None:
    tools = b"[" * depth + b"]" * depth
    raw = b'{"model":"a","messages":[{"role":"user","content":"x"}],"tools":' + tools + b"}"
    assert "deeply" in refused(raw).message
