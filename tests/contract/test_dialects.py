"""One suite over every dialect: the same story has the same outcome, whoever tells it."""

import itertools
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapes import ERROR_EVENTS, ERRORS, SHAPES

from router.ask import Ask
from router.backends.backend import Backend
from router.backends.dialects.table import DIALECTS
from router.backends.dialects.translated import dialect_of
from router.domain import Usage
from router.operations.chat import parse_chat
from router.protocols.passage import AnswerStream, ErrorInside, MalformedReply, Passage
from router.protocols.sse import data_of, events

Chat = Callable[..., Ask]
USAGE = {"text": Usage(20, 4, 8), "tools": Usage(50, 30, 0, 6), "length": Usage(10, 2)}
FINISH = {"text": "stop", "tools": "tool_calls", "length": "length"}
CONTENT = {"text": "Hello there.", "tools": None, "length": "Once upon"}
CALLS = [("call_0", "weather", {"city": "Oslo"}), ("call_1", "weather", {"city": "Rome"})]
KEY = "sk-of-the-provider"

dialects = pytest.mark.parametrize("dialect", sorted(DIALECTS))
every_story = pytest.mark.parametrize(
    ("dialect", "story"),
    [(dialect, story) for dialect in sorted(SHAPES) for story in SHAPES[dialect]],
)
TOTALS_ALONE = frozenset({"ollama", "replicate"})  # neither cached tokens nor those of thoughts


def passage_of(dialect: str) -> Passage:
    """Who reads its answers to a chat completion."""
    return dialect_of(dialect, streamed())[1]


def usage_of(dialect: str, story: str) -> Usage:
    whole = USAGE[story]
    return Usage(*whole[:2]) if dialect in TOTALS_ALONE else whole


def streamed() -> Ask:
    return parse_chat(
        b'{"model":"a","stream":true,"messages":[{"role":"user","content":"Weather?"}]}'
    )


def told_calls(message: dict[str, Any]) -> list[tuple[str, str, Any]]:
    return [
        (call["id"], call["function"]["name"], orjson.loads(call["function"]["arguments"]))
        for call in message.get("tool_calls") or []
    ]


def chunks(out: bytes) -> list[dict[str, Any]]:
    data = [data_of(event) for event in events(out)]
    assert data[-1] == b"[DONE]"
    return [orjson.loads(item) for item in data[:-1] if item]


def gathered(out: bytes) -> dict[str, Any]:
    """What a client makes of a stream: its message and how it ended."""
    message: dict[str, Any] = {"content": "", "reasoning_content": "", "tool_calls": []}
    for chunk in chunks(out):
        for choice in chunk["choices"]:
            delta = choice["delta"]
            message["content"] += delta.get("content") or ""
            message["reasoning_content"] += delta.get("reasoning_content") or ""
            for call in delta.get("tool_calls") or []:
                if call["index"] == len(message["tool_calls"]):
                    message["tool_calls"].append(call | {"function": dict(call["function"])})
                else:
                    function = message["tool_calls"][call["index"]]["function"]
                    function["arguments"] += call["function"]["arguments"]
            message["finish"] = choice["finish_reason"] or message.get("finish")
    return message


def relay(translator: AnswerStream, stream: bytes, cuts: list[int] | None = None) -> bytes:
    edges = [0, *sorted(cut % len(stream) for cut in cuts or []), len(stream)]
    out = b"".join(translator.feed(stream[a:b]) for a, b in itertools.pairwise(edges))
    return out + translator.finish()


def test_every_dialect_has_its_shapes() -> None:
    assert set(SHAPES) == set(DIALECTS) == set(ERRORS) == set(ERROR_EVENTS)


@every_story
def test_a_whole_answer(dialect: str, story: str, chat: Chat) -> None:
    raw = orjson.dumps(SHAPES[dialect][story].whole)
    reply = passage_of(dialect).reply(raw, chat())
    choice = orjson.loads(reply.body)["choices"][0]
    assert reply.usage == usage_of(dialect, story)
    assert reply.model == orjson.loads(reply.body)["model"] == "served-model"
    assert choice["finish_reason"] == FINISH[story]
    assert choice["message"]["content"] == CONTENT[story]
    assert told_calls(choice["message"]) == (CALLS if story == "tools" else [])
    assert choice["message"].get("reasoning_content") == (
        "Two cities." if story == "tools" else None
    )


@every_story
def test_a_stream(dialect: str, story: str) -> None:
    translator = passage_of(dialect).stream(streamed())
    out = relay(translator, SHAPES[dialect][story].stream)
    message = gathered(out)
    assert translator.usage == usage_of(dialect, story)
    assert translator.model == "served-model"
    assert translator.finished
    assert message["finish"] == FINISH[story]
    assert message["content"] == (CONTENT[story] or "")
    assert told_calls(message) == (CALLS if story == "tools" else [])
    assert b"usage" not in out
    assert 0 < translator.output_tokens_seen <= USAGE[story].output_tokens + 1


@dialects
def test_a_client_that_asks_gets_usage_as_the_last_chunk(dialect: str, chat: Chat) -> None:
    request = chat(stream=True, stream_options={"include_usage": True})
    out = relay(passage_of(dialect).stream(request), SHAPES[dialect]["text"].stream)
    last = chunks(out)[-1]
    assert last["choices"] == []
    assert last["usage"]["prompt_tokens"] == 20
    assert last["usage"]["completion_tokens"] == 4
    cached = last["usage"]["prompt_tokens_details"]["cached_tokens"]
    assert cached == usage_of(dialect, "text").cached_tokens


@dialects
@given(cuts=st.lists(st.integers(0, 3000), max_size=8), crlf=st.booleans())
def test_any_chunking_and_line_end_tell_the_same(dialect: str, cuts: list[int], crlf: bool) -> None:
    stream = SHAPES[dialect].get("tools", SHAPES[dialect]["text"]).stream
    other = stream.replace(b"\n", b"\r\n") if crlf else stream
    whole = relay(passage_of(dialect).stream(streamed()), stream)
    assert gathered(relay(passage_of(dialect).stream(streamed()), other, cuts)) == gathered(whole)


@dialects
def test_a_stream_that_is_cut_is_refused(dialect: str) -> None:
    stream = SHAPES[dialect]["text"].stream
    translator = passage_of(dialect).stream(streamed())
    translator.feed(stream[: stream.index(b"Hello")])
    with pytest.raises(MalformedReply):
        translator.finish()


@dialects
def test_an_error_event_is_an_error(dialect: str) -> None:
    translator = passage_of(dialect).stream(streamed())
    with pytest.raises(ErrorInside) as caught:
        translator.feed(ERROR_EVENTS[dialect])
    assert caught.value.message == "overloaded"


@dialects
def test_an_error_inside_a_whole_answer_is_an_error(dialect: str, chat: Chat) -> None:
    raw = data_of(ERROR_EVENTS[dialect]) or ERROR_EVENTS[dialect]
    with pytest.raises(ErrorInside):
        passage_of(dialect).reply(raw, chat())


@dialects
def test_errors_are_told_in_openais_words(dialect: str) -> None:
    for raw in ERRORS[dialect]:
        assert DIALECTS[dialect].failure(400, raw).message == "bad thing"


@dialects
@pytest.mark.parametrize(
    "raw", [b"", b"{}", b"[]", b"null", b"<html>", b'{"content":[{}]}', b'{"candidates":[1]}']
)
def test_nonsense_is_refused_not_raised(dialect: str, raw: bytes, chat: Chat) -> None:
    answer: Any = None
    try:
        answer = orjson.loads(passage_of(dialect).reply(raw, chat()).body)
    except (MalformedReply, ErrorInside):
        return
    assert answer["choices"] == []


@dialects
def test_the_credential_stays_out_of_address_and_body(dialect: str, chat: Chat) -> None:
    backend = Backend("b", "https://host/v1", "m", dialect=dialect, api_key=KEY)
    call = dialect_of(dialect, chat())[0].call(
        backend.deployments()[0], backend, chat(stream=True), "r1"
    )
    assert sum(KEY in value for _, value in call.target.headers) == 1
    assert KEY not in call.target.url
    assert KEY.encode() not in call.body
    assert dict(call.target.headers)["Accept-Encoding"] == "identity"
