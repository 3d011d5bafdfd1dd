"""The nastiest streams between protocols: strange events, errors, ends, cuts."""

from typing import Any

import orjson
import pytest
from hub_answers import Chat, blocks, call, chunk, message, streamed

from router.backends.dialects.translated import translated
from router.protocols.passage import ErrorInside, MalformedReply
from router.protocols.sse import data_of, encode, events


def claude(*deltas: dict[str, Any]) -> bytes:
    begun = {"id": "m", "model": "served", "usage": {"input_tokens": 1, "output_tokens": 1}}
    end = {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn"},
        "usage": {"output_tokens": 2},
    }
    all_ = [{"type": "message_start", "message": begun}, *deltas, end, {"type": "message_stop"}]
    return b"".join(encode(orjson.dumps(one), one["type"].encode()) for one in all_)


def chunks(chat: Chat, stream: bytes) -> list[dict[str, Any]]:
    ask = chat(stream=True)
    reader = translated("anthropic", ask).stream(ask)
    out = reader.feed(stream) + reader.finish()
    datas = [data_of(event) for event in events(out)]
    return [orjson.loads(one) for one in datas if one and one != b"[DONE]"]


def test_unknown_events_and_deltas_are_passed_over(chat: Chat) -> None:
    start = {
        "type": "content_block_start",
        "index": 0,
        "content_block": {"type": "text", "text": ""},
    }
    delta = {"type": "content_block_delta", "index": 0}
    written = chunks(
        chat,
        claude(
            {"type": "new_event", "what": 1},
            start,
            delta | {"delta": {"type": "new_delta", "more": 1}},
            {"type": "ping"},
            delta | {"delta": {"type": "text_delta", "text": "Hi."}},
            {"type": "content_block_stop", "index": 0},
        ),
    )
    assert "".join(one["choices"][0]["delta"].get("content", "") for one in written) == "Hi."


def test_a_hosted_tools_blocks_are_carried_in_a_stream(chat: Chat) -> None:
    block = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}}
    pieces = ['{"query":', '"x"}']
    written = chunks(
        chat,
        claude(
            {"type": "content_block_start", "index": 0, "content_block": block},
            *(
                {
                    "type": "content_block_delta",
                    "index": 0,
                    "delta": {"type": "input_json_delta", "partial_json": piece},
                }
                for piece in pieces
            ),
            {"type": "content_block_stop", "index": 0},
        ),
    )
    carried = [one["choices"][0]["delta"].get("turnout") for one in written]
    assert {"blocks": [block | {"input": {"query": "x"}}]} in carried


def test_comments_and_blank_lines_between_events_mean_nothing() -> None:
    written = streamed(b": waiting\n\n\n", chunk({"content": "Hi."}), b":\n\n", chunk({}, "stop"))
    assert blocks(written) == [("text", "Hi.")]


def test_what_goes_on_after_its_end_is_refused() -> None:
    with pytest.raises(MalformedReply):
        streamed(
            chunk({"tool_calls": [call(0, "c1", name="f", arguments='{"a":1}')]}),
            chunk({"content": "x"}),
            chunk({"tool_calls": [call(0, arguments='{"b":2}')]}),
        )


def test_an_error_in_the_middle_is_an_error() -> None:
    with pytest.raises(ErrorInside, match="broken"):
        streamed(chunk({"content": "x"}), encode(b'{"error":{"message":"broken"}}'))


def test_a_stream_that_the_gateway_cuts_is_well_formed_and_charged() -> None:
    ask = message(stream=True)
    stream = translated("openai", ask).stream(ask)
    fragment = call(0, "c1", name="f", arguments='{"a":')
    out = stream.feed(chunk({"content": "Hel"}) + chunk({"tool_calls": [fragment]}))
    out += stream.cut("r", "served", "quota")
    written = [orjson.loads(data_of(event) or b"") for event in events(out)]
    assert [kind for kind, _ in blocks(written)] == ["text", "tool_use"]
    assert written[-2]["delta"]["stop_reason"] == "max_tokens"
    assert written[-2]["usage"]["output_tokens"] == stream.output_tokens_seen
    assert written[-1] == {"type": "message_stop"}


def test_nothing_but_content_commits_a_stream() -> None:
    ask = message(stream=True)
    stream = translated("openai", ask).stream(ask)
    stream.feed(chunk({"role": "assistant", "content": ""}))
    assert not stream.has_content
    stream.feed(chunk({"content": "x"}))
    assert stream.has_content


def test_the_first_chunk_of_azure_does_not_name_the_answer() -> None:
    filters = {"id": "", "model": "", "choices": [], "prompt_filter_results": [{"index": 0}]}
    written = streamed(encode(orjson.dumps(filters)), chunk({"content": "x"}), chunk({}, "stop"))
    assert (written[0]["message"]["id"], written[0]["message"]["model"]) == ("x", "served")
