"""Calls of tools in answers, whole and in fragments, between protocols."""

from typing import Any

import orjson
import pytest
from hub_answers import as_message, blocks, call, chunk, message, streamed

from router.backends.dialects.translated import translated
from router.protocols.chat.stream_reader import ChatReader
from router.protocols.passage import MalformedReply
from router.protocols.sse import encode

END = chunk({}, "tool_calls")


def test_fragments_of_parallel_calls_are_held_back_until_they_have_a_block() -> None:
    written = streamed(
        chunk({"tool_calls": [call(0, "c1", name="f"), call(1, "c2", name="g")]}),
        chunk({"tool_calls": [call(0, arguments='{"a":'), call(1, arguments='{"b":')]}),
        chunk({"tool_calls": [call(1, arguments="2}"), call(0, arguments="1}")]}),
        END,
    )
    assert blocks(written) == [("tool_use", '{"a":1}'), ("tool_use", '{"b":2}')]
    assert written[-2]["delta"]["stop_reason"] == "tool_use"


@pytest.mark.parametrize("index", [None, 0])
def test_calls_that_share_an_index_or_have_none_are_told_apart_by_id(index: int | None) -> None:
    written = streamed(
        chunk({"tool_calls": [call(index, "c1", name="f", arguments='{"a":1}')]}),
        chunk({"tool_calls": [call(index, "c2", name="g", arguments='{"b":')]}),
        chunk({"tool_calls": [call(index, arguments="2}")]}),
        chunk({}, "stop"),
    )
    assert blocks(written) == [("tool_use", '{"a":1}'), ("tool_use", '{"b":2}')]
    assert written[-2]["delta"]["stop_reason"] == "tool_use"  # though the server says stop


def test_texts_around_calls_stay_around_them() -> None:
    written = streamed(
        chunk({"reasoning_content": "Hm."}),
        chunk({"content": "One moment."}),
        chunk({"tool_calls": [call(0, "c1", name="f", arguments='{"a":1}')]}),
        chunk({"content": "Done."}),
        END,
    )
    assert [kind for kind, _ in blocks(written)] == ["thinking", "text", "tool_use", "text"]


def test_a_call_without_arguments_is_an_empty_object() -> None:
    written = streamed(chunk({"tool_calls": [call(0, "c1", name="now")]}), END)
    assert blocks(written) == [("tool_use", "{}")]
    whole = {"id": "c1", "function": {"name": "now"}}
    (block,) = as_message({"content": None, "tool_calls": [whole]}, "tool_calls")["content"]
    assert block == {"type": "tool_use", "id": "c1", "name": "now", "input": {}}


@pytest.mark.parametrize("nothing", [None, "", "  ", "null", "[]", []])
def test_nothing_in_any_servers_words_is_an_empty_object(nothing: Any) -> None:
    begins = {"name": "now"} | ({} if nothing is None else {"arguments": nothing})
    written = streamed(chunk({"tool_calls": [call(0, "c1", **begins)]}), END)
    ((kind, told),) = blocks(written)
    assert (kind, told.strip()) == ("tool_use", "{}")
    whole = {"id": "c1", "function": {"name": "now", "arguments": nothing}}
    (block,) = as_message({"content": None, "tool_calls": [whole]}, "tool_calls")["content"]
    assert block["input"] == {}


@pytest.mark.parametrize("told", [{}, {"id": ""}, {"id": "c1"}])
def test_every_call_has_an_id_of_its_own_whatever_its_server_says(told: dict[str, str]) -> None:
    calls = [{"function": {"name": "f", "arguments": "{}"}} | told] * 2
    content = [
        *as_message({"content": None, "tool_calls": calls}, "tool_calls")["content"],
        *as_message({"content": None, "tool_calls": calls[1:]}, "tool_calls")["content"],
    ]
    assert len({block["id"] for block in content}) == (2 if told.get("id") else 3)
    starts = [one | {"index": number} for number, one in enumerate(calls)]
    written = streamed(chunk({"tool_calls": starts}), END)
    opened = [one["content_block"] for one in written if one["type"] == "content_block_start"]
    assert len({block["id"] for block in opened}) == 2


def test_a_stream_without_any_answer_is_none() -> None:
    with pytest.raises(MalformedReply, match="before the answer did"):
        streamed(b"data: [DONE]\n\n")


def test_geminis_signature_travels_before_its_call_on_messages() -> None:
    called = {"functionCall": {"name": "f", "args": {"a": 1}}, "thoughtSignature": "Z29v"}
    whole = {"candidates": [{"content": {"parts": [called]}, "finishReason": "STOP"}]}
    ask = message()
    written = orjson.loads(translated("gemini", ask).reply(orjson.dumps(whole), ask).body)
    seal, used = written["content"]
    assert (seal["type"], seal["signature"]) == ("thinking", "turnout:gemini:Z29v")
    assert used["input"] == {"a": 1}
    ask = message(stream=True)
    stream = translated("gemini", ask).stream(ask)
    out = stream.feed(encode(orjson.dumps(whole))) + stream.finish()
    assert b"turnout:gemini:Z29v" in out


def test_a_line_of_300_kilobytes_is_read_however_it_is_cut() -> None:
    arguments = orjson.dumps({"text": "é" * 150_000}).decode()
    stream = chunk({"tool_calls": [call(0, "c1", name="f", arguments=arguments)]}) + END
    pieces = [stream[i : i + 16_001] for i in range(0, len(stream), 16_001)]
    assert blocks(streamed(*pieces)) == [("tool_use", arguments)]


def test_arguments_without_end_are_refused() -> None:
    fragment = chunk({"tool_calls": [call(0, "c1", name="f", arguments="x" * 60)]})
    reader = ChatReader(largest_calls=100)
    reader.feed(fragment)
    with pytest.raises(MalformedReply, match="more than 100"):
        reader.feed(fragment)


def test_calls_that_are_announced_and_do_not_come_are_none() -> None:
    assert as_message({"content": "x", "tool_calls": []}, "tool_calls")["stop_reason"] == "end_turn"
    last = streamed(chunk({"content": "x"}), chunk({}, "tool_calls"))[-2]
    assert last["delta"]["stop_reason"] == "end_turn"
