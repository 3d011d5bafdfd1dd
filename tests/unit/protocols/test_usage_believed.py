"""What is charged where a server tells more than it was allowed to give, or only half of it."""

from typing import Any

import orjson
import pytest

from router.ask import Ask
from router.backends.dialects.translated import translated
from router.domain import Usage
from router.operations.chat import parse_chat
from router.operations.message import parse_message
from router.operations.plain import PLAIN_ASK
from router.protocols.messages.usage import overlay
from router.protocols.spoken import spoken_tokens
from router.protocols.table import PROTOCOLS
from router.protocols.usage import read_usage

BODY = orjson.dumps(
    {"model": "a", "max_tokens": 50, "messages": [{"role": "user", "content": "x"}]}
)
CACHED = {"prompt_tokens_details": {"cached_tokens": 4}}


def usage(completion: int, **more: Any) -> dict[str, Any]:
    return {
        "prompt_tokens": 9,
        "completion_tokens": completion,
        "total_tokens": 9 + completion,
    } | more


def chat_answer(counts: Any, **more: Any) -> bytes:
    message = {"role": "assistant", "content": "Hello there."}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return orjson.dumps({"id": "c", "model": "m", "choices": [choice], "usage": counts} | more)


def chat_chunks(counts: Any, **first: Any) -> list[bytes]:
    def chunk(delta: dict[str, Any], finish: str | None, **more: Any) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        fields = {"id": "c", "model": "m", "choices": [choice]} | more
        return b"data: " + orjson.dumps(fields) + b"\n\n"

    last = b"data: " + orjson.dumps({"id": "c", "model": "m", "choices": [], "usage": counts})
    said = chunk({"role": "assistant", "content": "Hello there."}, None, **first)
    return [said, chunk({}, "stop"), last + b"\n\n", b"data: [DONE]\n\n"]


def read(raw: bytes, chunks: list[bytes]) -> list[Usage]:
    """What those take who pass it on and those who translate it, whole and streamed."""
    native, foreign = parse_chat(BODY), parse_message(BODY)
    passages = [(native, PROTOCOLS["chat"].passage), (foreign, translated("openai", foreign))]
    found = []
    for ask, passage in passages:
        found.append(passage.reply(raw, ask).usage)
        stream = passage.stream(ask._replace(stream=True))
        for chunk in chunks:
            stream.feed(chunk)
        assert stream.usage is not None
        found.append(stream.usage)
    return found


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        (usage(51, **CACHED), Usage(9, 51, 4)),
        (usage(50, **CACHED), Usage(9, 50, 4)),
        (
            {"prompt_tokens": 9, "completion_tokens": 40, "total_tokens": 949}
            | {"completion_tokens_details": {"reasoning_tokens": 900}},
            Usage(9, 940, 0, 900),
        ),
    ],
    ids=["a token above the limit", "the limit", "thoughts beyond the limit"],
)
def test_what_a_server_may_have_given_is_charged_as_it_is_told(
    counts: dict[str, Any], expected: Usage
) -> None:
    assert read(chat_answer(counts), chat_chunks(counts)) == [expected] * 4


@pytest.mark.parametrize("output", [52, 5000, -1, None, 3.5])
def test_an_output_that_cannot_be_true_is_counted_and_the_prompt_stays_as_it_was_told(
    output: Any,
) -> None:
    counts = usage(0, **CACHED) | {"completion_tokens": output}
    for found in read(chat_answer(counts), chat_chunks(counts)):
        assert (found.input_tokens, found.cached_tokens, found.estimated) == (9, 4, True)
        assert 1 <= found.output_tokens <= 50


def test_a_prompt_that_cannot_be_true_is_counted_and_the_output_stays_as_it_was_told() -> None:
    counts = usage(7) | {"prompt_tokens": -9}
    expected = Usage(1, 7, estimated=True)
    assert read(chat_answer(counts), chat_chunks(counts)) == [expected] * 4


def test_counts_that_tell_half_do_not_replace_those_that_told_all() -> None:
    first, *rest = chat_chunks(usage(7))
    last = b"data: " + orjson.dumps({"id": "c", "choices": [], "usage": {"prompt_tokens": 1}})
    chunks = [first, *rest[:-1], last + b"\n\n", rest[-1]]
    assert read(chat_answer(usage(7)), chunks) == [Usage(9, 7)] * 4


def test_usage_that_comes_twice_counts_once() -> None:
    first, *rest = chat_chunks(usage(7))
    again = chat_chunks(usage(8))[2]
    chunks = [first, rest[0], rest[1], again, rest[2]]
    assert read(chat_answer(usage(8)), chunks) == [Usage(9, 8)] * 4


def test_a_class_of_service_that_an_early_chunk_tells_counts_for_the_stream() -> None:
    chunks = chat_chunks(usage(7), service_tier="priority")
    answer = chat_answer(usage(7), service_tier="priority")
    assert read(answer, chunks) == [Usage(9, 7, tier="priority")] * 4


def test_a_class_of_service_counts_where_the_gateway_counts_tokens() -> None:
    found = PROTOCOLS["chat"].passage.reply(
        chat_answer(None, service_tier="flex"), parse_chat(BODY)
    )
    assert (found.usage.tier, found.usage.estimated) == ("flex", True)


def test_choices_may_each_have_a_token_more_than_the_limit() -> None:
    ask = parse_chat(BODY)._replace(choices=3)
    assert read_usage(usage(153), ask) == Usage(9, 153)
    doubted = read_usage(usage(154), ask)
    assert doubted is not None
    assert doubted.estimated


def limited(protocol: str) -> Ask:
    return PLAIN_ASK._replace(protocol=protocol, max_output_tokens=50)


@pytest.mark.parametrize(
    ("protocol", "answer"),
    [
        (
            "messages",
            {"type": "message", "content": [{"type": "text", "text": "Hello there."}]}
            | {"usage": {"input_tokens": 9, "output_tokens": 5000}},
        ),
        (
            "responses",
            {"object": "response", "output": [], "status": "completed"}
            | {"usage": {"input_tokens": 9, "output_tokens": 5000, "total_tokens": 5009}},
        ),
        (
            "gemini",
            {"candidates": [{"content": {"parts": [{"text": "Hello there."}]}}]}
            | {"usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 5000}},
        ),
    ],
)
def test_every_protocol_keeps_the_prompt_of_an_answer_that_cannot_be_true(
    protocol: str, answer: dict[str, Any]
) -> None:
    found = PROTOCOLS[protocol].passage.reply(orjson.dumps(answer), limited(protocol)).usage
    assert (found.input_tokens, found.estimated) == (9, True)
    assert found.output_tokens < 50


def test_googles_answer_without_its_own_count_is_counted_where_its_total_tells_of_one() -> None:
    said = {"candidates": [{"content": {"parts": [{"text": "Hello there."}]}}]}
    counts = {"promptTokenCount": 9, "totalTokenCount": 30}
    raw = orjson.dumps(said | {"usageMetadata": counts})
    found = PROTOCOLS["gemini"].passage.reply(raw, limited("gemini")).usage
    assert found == Usage(9, 3, estimated=True)


def test_zeros_that_come_later_do_not_take_a_prompt_back() -> None:
    chunks = chat_chunks(usage(40, **CACHED))
    zeros = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    late = b"data: " + orjson.dumps({"id": "c", "model": "m", "choices": [], "usage": zeros})
    chunks.insert(3, late + b"\n\n")
    raw = chat_answer(usage(40, **CACHED))
    assert read(raw, chunks) == [Usage(9, 40, 4)] * 4


def test_zeros_of_a_messages_last_event_do_not_take_its_prompt_back() -> None:
    known: dict[str, Any] = {"input_tokens": 1000, "cache_read_input_tokens": 500}
    zeros = {"input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 5}
    overlay(known, zeros)
    assert known == {"input_tokens": 1000, "cache_read_input_tokens": 500, "output_tokens": 5}
    overlay(known, {"input_tokens": 0, "cache_read_input_tokens": 1500})  # all of it was cached
    assert known["input_tokens"] == 0
    overlay(known, None)
    assert known["output_tokens"] == 5


def test_what_nobody_counted_counts_by_its_text_and_not_by_the_json_around_it() -> None:
    whole = PROTOCOLS["chat"].passage.reply(chat_answer(None), parse_chat(BODY)).usage
    assert (whole.output_tokens, whole.estimated) == (3, True)  # twelve letters, a token for four


def test_arguments_and_thoughts_are_said_too_and_json_around_them_is_not() -> None:
    call = {"function": {"name": "weather", "arguments": '{"city":"Oslo"}'}, "type": "function"}
    message = {
        "role": "assistant",
        "content": None,
        "reasoning_content": "hm",
        "tool_calls": [call],
    }
    assert spoken_tokens([{"index": 0, "message": message}]) == -(-(2 + 15) // 4)
    used = {"type": "tool_use", "name": "weather", "input": {"city": "Oslo"}}
    assert spoken_tokens([{"type": "thinking", "thinking": "hm"}, used]) == -(-(2 + 15) // 4)
    assert spoken_tokens(None) == spoken_tokens([{"type": "text"}]) == 0
