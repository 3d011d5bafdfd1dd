"""What a chat request is read as, and what is refused at the edge."""

import json
from typing import Any

import pytest
from media_files import encoded, pdf, png, wav

from router.ask import NO_MEDIA, Ask, Media
from router.errors import BadRequest
from router.operations.chat import parse_chat

HELLO = [{"role": "user", "content": "Hello"}]
PNG = "data:image/png;base64,"
PDF = "data:application/pdf;base64,"


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
        ({"user": 1}, "user"),
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
    ("more", "param"),
    [
        (b'"model":"dear"', "model"),
        (b'"mod\\u0065l":"dear"', "model"),
        (b'"Model":"dear"', "Model"),
        (b'"max_tokens":1,"max_tokens":100000', "max_tokens"),
        (b'"max_tokens":1,"MAX_TOKENS":100000', "MAX_TOKENS"),
        (b'"max_tokens":1,"maxTokens":100000', "maxTokens"),
        (b'"stream_options":{"include_usage":true,"IncludeUsage":false}', "stream_options"),
        (b'"metadata":{"a":1,"a":2}', "metadata"),
        (b'"messages":[{"role":"user","role":"system"}]', "messages"),
    ],
)
def test_a_key_that_stands_twice_is_refused_by_name(more: bytes, param: str) -> None:
    raw = b'{"model":"cheap","messages":[{"role":"user","content":"x"}],%s}' % more
    assert refused(raw).param == param


def test_another_word_for_a_streams_usage_is_refused_by_name() -> None:
    with pytest.raises(BadRequest) as caught:
        chat(stream=True, stream_options={"includeUsage": True})
    assert caught.value.param == "includeUsage"


def test_the_same_word_deeper_down_is_no_repetition() -> None:
    assert chat(metadata={"model": "x", "n": "2"}, n=2).choices == 2


@pytest.mark.parametrize("depth", [201, 900])
def test_a_body_that_is_nested_very_deeply_is_refused(depth: int) -> None:
    tools = b"[" * depth + b"]" * depth
    raw = b'{"model":"a","messages":[{"role":"user","content":"x"}],"tools":' + tools + b"}"
    assert "deeply" in refused(raw).message


def test_a_plain_request_demands_nothing_of_a_backend() -> None:
    ask = chat(max_tokens=5, temperature=1, stop="END")
    assert not ask.features
    assert ask.media is NO_MEDIA
    assert ask.session is None


def test_what_a_backend_must_be_able_to_do_is_named() -> None:
    function = {"type": "function", "function": {"name": "f"}}
    parts = [
        {"type": "image_url", "image_url": {"url": "https://x/y.png"}},
        {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "wav"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,QUJDREVG"}},
    ]
    ask = chat(
        messages=[{"role": "user", "content": parts}],
        tools=[function, {"type": "web_search"}],
        response_format={"type": "json_schema", "json_schema": {}},
        logprobs=True,
        metadata={"session_id": "s1"},
    )
    assert ask.features == {
        *("tools", "hosted:web_search", "vision", "audio", "files", "json_schema", "logprobs")
    }
    assert ask.media == Media(
        images=1, audio=1, files=1, audio_bytes=3, file_bytes=6,
        audio_seconds=1, seconds_guessed=True, pages=1, pages_guessed=True,
    )  # fmt: skip
    assert ask.images == 3
    assert ask.session == "s1"


def test_every_text_is_told_to_the_detectors_and_media_are_not() -> None:
    tools = [{"type": "function", "function": {"name": "f", "description": "calls EMP-1"}}]
    audio = {"type": "input_audio", "input_audio": {"data": "SOUND", "format": "wav"}}
    texts = chat(
        messages=[{"role": "user", "content": [{"type": "text", "text": "t"}, audio]}],
        tools=tools,
        user="u",
        made_up="m",
    ).texts()
    together = "\n".join(texts)
    assert {"t", "m"} <= set(texts)
    assert "EMP-1" in together
    assert "SOUND" not in together
    assert "auto" not in texts


def test_headers_of_the_protocol_go_on_and_others_do_not() -> None:
    sent = {b"openai-beta": b"x=1", b"cookie": b"c", b"openai-organization": b"theirs"}
    raw = json.dumps({"model": "auto", "messages": HELLO}).encode()
    assert dict(parse_chat(raw, sent).headers) == {"openai-beta": "x=1"}


@pytest.mark.parametrize("header", [b"x-api-key", b"api-key", b"x-goog-api-key"])
def test_an_idempotency_key_is_the_clients_own_in_whatever_header_its_key_came(
    header: bytes,
) -> None:
    raw = b'{"model":"a","messages":[{"role":"user","content":"x"}]}'

    def sent(fields: dict[bytes, bytes]) -> str:
        return dict(parse_chat(raw, {b"idempotency-key": b"k"} | fields).headers)["idempotency-key"]

    assert sent({header: b"one"}) == sent({b"authorization": b"Bearer one"})
    assert sent({header: b"one"}) != sent({header: b"two"})


def test_an_idempotency_key_is_the_clients_own() -> None:
    raw = json.dumps({"model": "auto", "messages": HELLO}).encode()

    def sent(key: bytes, client: bytes) -> str:
        fields = {b"idempotency-key": key, b"authorization": client}
        return dict(parse_chat(raw, fields).headers)["idempotency-key"]

    assert sent(b"1", b"Bearer a") == sent(b"1", b"Bearer a")
    assert len({sent(b"1", b"Bearer a"), sent(b"1", b"Bearer b"), sent(b"2", b"Bearer a")}) == 3
    assert "Bearer" not in sent(b"1", b"Bearer a")


def test_what_is_no_text_is_measured() -> None:
    parts = [
        {"type": "image_url", "image_url": {"url": PNG + encoded(png(640, 480)), "detail": "low"}},
        {"type": "input_audio", "input_audio": {"data": encoded(wav(90)), "format": "wav"}},
        {"type": "file", "file": {"file_data": PDF + encoded(pdf(12))}},
        {"type": "file", "file": {"file_id": "file-1"}},
        {"type": "video_url", "video_url": {"url": "https://x/y.mp4"}},
        {"type": "made_up", "made_up": None},
    ]
    ask = chat(messages=[{"role": "user", "content": parts}])
    media = ask.media
    assert (media.images, media.low_detail, media.pixels) == (1, 1, 640 * 480)
    assert (media.audio, media.audio_seconds, media.seconds_guessed) == (1, 90, False)
    assert (media.files, media.pages, media.pages_guessed) == (2, 12, False)
    assert (media.videos, media.others, ask.images) == (1, 1, 6)
    assert ask.features == {"vision", "audio", "files", "named_files"}


@pytest.mark.parametrize("kind", ["video_url", "made_up"])
def test_other_parts_ask_for_a_backend_that_takes_files(kind: str) -> None:
    ask = chat(messages=[{"role": "user", "content": [{"type": kind, kind: {"url": "x"}}]}])
    assert ask.features == {"vision", "files"}


def test_functions_are_read_by_the_model_as_tools_are() -> None:
    functions = [{"name": "f", "description": "x" * 90}]
    ask = chat(functions=functions)
    assert ask.features == {"tools"}
    assert ask.text_bytes == chat().text_bytes + len(json.dumps(functions, separators=(",", ":")))


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_a_whole_number_may_be_written_as_a_decimal_one(name: str) -> None:
    ask = chat(**{name: 16.0})
    assert ask.max_output_tokens == ask.body[name] == 16
    assert type(ask.body[name]) is int
    assert b"16.0" in ask.raw  # the backend judges for itself
    assert chat(n=2.0).choices == 2


@pytest.mark.parametrize(
    ("value", "code", "words"),
    [
        (0, "integer_below_min_value", "Expected a value >= 1, but got 0 instead."),
        (-3.0, "integer_below_min_value", "but got -3 instead."),
        (2**31, "integer_above_max_value", "but got 2147483648 instead."),
        (1.5, "invalid_type", "expected an integer, but got a decimal number instead."),
        ("16", "invalid_type", "but got a string instead."),
        (True, "invalid_type", "but got a boolean instead."),
        ([], "invalid_type", "but got an array instead."),
        ({}, "invalid_type", "but got an object instead."),
    ],
)
def test_a_wrong_number_is_told_in_openais_words(value: Any, code: str, words: str) -> None:
    raw = json.dumps({"model": "auto", "messages": HELLO, "max_tokens": value}).encode()
    error = refused(raw)
    assert (error.param, error.code) == ("max_tokens", code)
    assert words in error.message


def test_an_end_user_may_have_any_name_and_a_long_one_is_known_by_its_digest() -> None:
    assert chat(user="anna").user == "anna"
    odd = ["a\nb", "\x00", "x" * 257, "\N{GRINNING FACE}" * 100_000]
    names = [chat(user=name).user or "" for name in odd]
    assert len(set(names)) == len(odd)
    assert all(name.startswith("blake2b:") and len(name) == 40 for name in names)
    assert chat(user=odd[0]).user == names[0]
    assert chat(user="").user is None
