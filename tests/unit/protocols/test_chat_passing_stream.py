"""What the OpenAI dialect changes in a stream, and what it leaves."""

import itertools
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.ask import Ask
from router.backends.dialects.openai import OpenAI
from router.domain import Usage
from router.operations.chat import parse_chat
from router.protocols.chat.passage import ChatPassage
from router.protocols.passage import ErrorInside, MalformedReply

USAGE = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}


def request(**fields: Any) -> Ask:
    messages = [{"role": "user", "content": "Hi"}]
    return parse_chat(orjson.dumps({"model": "a", "messages": messages, "stream": True} | fields))


def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + orjson.dumps({"model": "m", "choices": [choice]} | more) + b"\n\n"


TEXT = [chunk({"content": word}, usage=None) for word in ("One", " two", " three")]
END = chunk({}, "stop", usage=None)
TOLD = b"data: " + orjson.dumps({"model": "m", "choices": [], "usage": USAGE}) + b"\n\n"
DONE = b"data: [DONE]\n\n"
STREAM = b"".join([*TEXT, END, TOLD, DONE])


def relay(stream: bytes, cuts: list[int] | None = None, **fields: Any) -> tuple[bytes, Any]:
    translator = ChatPassage().stream(request(**fields))
    edges = [0, *sorted(cut % len(stream) for cut in cuts or []), len(stream)]
    out = b"".join(translator.feed(stream[a:b]) for a, b in itertools.pairwise(edges))
    return out + translator.finish(), translator


def test_the_usage_chunk_is_hidden_from_a_client_that_did_not_ask() -> None:
    out, translator = relay(STREAM)
    assert b"usage" not in out
    assert translator.usage == Usage(9, 3)
    assert out.endswith(DONE)


def test_a_client_that_asked_gets_the_bytes_as_they_came() -> None:
    out, _ = relay(STREAM, stream_options={"include_usage": True})
    assert out == STREAM


@given(cuts=st.lists(st.integers(0, 2000), max_size=10))
def test_the_way_the_bytes_are_cut_changes_nothing(cuts: list[int]) -> None:
    whole, one = relay(STREAM)
    cut, other = relay(STREAM, cuts)
    assert cut == whole
    assert (one.usage, one.output_tokens_seen) == (other.usage, other.output_tokens_seen)


def test_tokens_are_counted_as_they_pass() -> None:
    translator = ChatPassage().stream(request())
    translator.feed(TEXT[0] + TEXT[1])
    assert translator.output_tokens_seen == 2
    assert translator.usage is None


def test_a_delta_of_many_words_counts_as_many_tokens() -> None:
    translator = ChatPassage().stream(request())
    translator.feed(chunk({"content": "x" * 400}))
    assert translator.output_tokens_seen == 100


def test_text_that_looks_like_protocol_is_left_alone() -> None:
    text = 'She said {"usage": {"error": {}}} and ,"usage":null and data: [DONE]\n\n'
    out, translator = relay(chunk({"content": text}) + END + DONE)
    assert orjson.loads(out.split(b"\n\n")[0][6:])["choices"][0]["delta"]["content"] == text
    assert translator.usage is None


def test_a_forgotten_done_is_added() -> None:
    out, translator = relay(b"".join([*TEXT, END]))
    assert out.endswith(DONE)
    assert translator.finished


def test_a_last_event_without_its_empty_line_counts() -> None:
    out, _ = relay(b"".join([*TEXT, END]) + b"data: [DONE]")
    assert out.endswith(DONE)


def test_what_comes_after_done_is_ignored() -> None:
    out, _ = relay(STREAM + TEXT[0])
    assert out.count(b"One") == 1


def test_an_answer_without_its_end_is_refused() -> None:
    translator = ChatPassage().stream(request())
    translator.feed(TEXT[0])
    with pytest.raises(MalformedReply):
        translator.finish()


@pytest.mark.parametrize(
    "event",
    [
        b'data: {"error":{"message":"boom","code":500}}\n\n',
        b'data: {"error":"boom"}\n\n',
        b'data: {"object":"error","message":"boom"}\n\n',
        b'data: {"base_resp":{"status_code":1002,"status_msg":"boom"}}\n\n',
    ],
)
def test_an_error_event_is_an_error(event: bytes) -> None:
    translator = ChatPassage().stream(request())
    translator.feed(TEXT[0])
    with pytest.raises(ErrorInside, match="boom"):
        translator.feed(event)


def test_an_event_that_is_not_json_is_refused_before_the_first_byte() -> None:
    with pytest.raises(MalformedReply):
        ChatPassage().stream(request()).feed(b"data: <html>\n\n")


def test_an_event_that_never_ends_is_refused() -> None:
    translator = ChatPassage().stream(request())

    def flood() -> None:
        for _ in range(10):
            translator.feed(b"x" * 1024 * 1024)

    with pytest.raises(MalformedReply):
        flood()


@pytest.mark.parametrize(
    ("claimed", "usage"),
    [
        (USAGE, Usage(9, 3)),
        (USAGE | {"total_tokens": 20}, Usage(9, 3)),
        (USAGE | {"prompt_tokens_details": {"cached_tokens": 4}}, Usage(9, 3, 4)),
        (USAGE | {"prompt_cache_hit_tokens": 50}, Usage(9, 3, 9)),
        (USAGE | {"prompt_tokens_details": {"cached_tokens": 0}, "cached_tokens": 5}, Usage(9, 3)),
        (USAGE | {"completion_tokens_details": {"reasoning_tokens": 2}}, Usage(9, 3, 0, 2)),
        (USAGE | {"completion_tokens": -1}, Usage(9, 3, estimated=True)),
        (USAGE | {"completion_tokens": 1.5}, Usage(9, 3, estimated=True)),
        (USAGE | {"prompt_tokens": True}, Usage(1, 3, estimated=True)),
        (USAGE | {"completion_tokens": 51}, Usage(9, 51)),
        (USAGE | {"completion_tokens": 52}, Usage(9, 3, estimated=True)),
        ({"prompt_tokens": 9}, Usage(9, 3, estimated=True)),
        ({"total_tokens": 9}, None),
        ("none", None),
    ],
)
def test_each_count_is_taken_where_it_can_be_true(claimed: Any, usage: Usage | None) -> None:
    stream = b"".join([*TEXT, END]) + b"data: " + orjson.dumps({"choices": [], "usage": claimed})
    _, translator = relay(stream + b"\n\n" + DONE, max_tokens=50)
    assert translator.usage == usage


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error":{"message":"m","type":"t","code":"c","param":"p"}}', "m"),
        (b'[{"error":{"code":400,"message":"m","status":"INVALID"}}]', "m"),
        (b'{"detail":"m"}', "m"),
        (b'{"error":"m"}', "m"),
        (b"<html>", ""),
        (b"", ""),
        (b"null", ""),
    ],
)
def test_an_error_is_read_in_any_of_the_fields_shapes(body: bytes, message: str) -> None:
    assert OpenAI().failure(422, body).message == message


def of_choice(index: int, finish: str | None) -> bytes:
    choice = {"index": index, "delta": {"content": "x"}, "finish_reason": finish}
    return b"data: " + orjson.dumps({"model": "m", "choices": [choice]}) + b"\n\n"


TWO = of_choice(0, None) + of_choice(1, None)


@pytest.mark.parametrize(
    "stream",
    [TWO + of_choice(0, "stop"), of_choice(0, "stop"), TWO + of_choice(1, "length")],
    ids=["second goes on", "second never began", "first goes on"],
)
def test_of_two_choices_both_must_have_ended(stream: bytes) -> None:
    with pytest.raises(MalformedReply):
        relay(stream, n=2)


@pytest.mark.parametrize("second", ["stop", "length"])
def test_two_choices_that_ended_are_whole_without_a_done(second: str) -> None:
    out, translator = relay(TWO + of_choice(0, "stop") + of_choice(1, second), n=2)
    assert translator.finished
    assert out.endswith(DONE)


def test_a_quota_ends_every_choice_that_goes_on() -> None:
    stream = ChatPassage().stream(request(n=3))
    stream.feed(TWO + of_choice(1, "stop"))
    ended = orjson.loads(stream.cut("r", "m", "quota").split(b"\n\n")[0].removeprefix(b"data: "))
    assert [choice["index"] for choice in ended["choices"]] == [0, 2]
    assert {choice["finish_reason"] for choice in ended["choices"]} == {"length"}


BLANKS = [
    (b'":', b'" :'),
    (b'":', b'" : '),
    (b'":', b'":  '),
    (b'":', b'"\t:\t'),
]


@pytest.mark.parametrize(("usual", "odd"), BLANKS)
@pytest.mark.parametrize("end", [b"\n\n", b"\n", b""])
def test_a_last_event_with_other_blanks_and_no_done_ends_well(
    usual: bytes, odd: bytes, end: bytes
) -> None:
    stream = b"".join([*TEXT, TOLD, END]).replace(usual, odd).rstrip() + end
    out, translator = relay(stream, stream_options={"include_usage": True})
    assert translator.finished
    assert out.endswith(DONE)
    assert translator.usage == Usage(9, 3)
    assert translator.output_tokens_seen == 3


def test_arguments_that_are_an_object_become_a_text_wherever_they_come() -> None:
    call = {"index": 0, "id": "c1", "function": {"name": "f", "arguments": {"a": 1}}}
    called = chunk({"tool_calls": [call]})
    more = chunk({"tool_calls": [call | {"index": 1, "id": "c2"}]})
    out, _ = relay(b"".join([called, TEXT[0], more, END, DONE]))
    assert out.count(b'"{\\"a\\":1}"') == 2


def test_a_stream_that_only_ends_is_no_answer() -> None:
    with pytest.raises(MalformedReply, match="before the answer did"):
        relay(DONE)
