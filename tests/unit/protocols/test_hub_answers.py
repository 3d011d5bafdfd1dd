"""The nastiest answers between protocols, whole and streamed."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from router.ask import Ask
from router.backends.backend import Backend
from router.backends.dialects.translated import dialect_of, translated
from router.operations.message import parse_message
from router.protocols.chat.stream_reader import ChatReader
from router.protocols.passage import ErrorInside, MalformedReply
from router.protocols.sse import data_of, encode, events

Chat = Callable[..., Ask]
USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


def message(**fields: Any) -> Ask:
    body = {"model": "a", "max_tokens": 99, "messages": [{"role": "user", "content": "x"}]}
    return parse_message(orjson.dumps(body | fields))


def as_message(answer: dict[str, Any], finish: str = "stop", **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": answer, "finish_reason": finish}
    whole = {"id": "x", "model": "served", "choices": [choice], "usage": USAGE} | more
    ask = message()
    body: dict[str, Any] = orjson.loads(
        translated("openai", ask).reply(orjson.dumps(whole), ask).body
    )
    return body


def as_chat(chat: Chat, **fields: Any) -> dict[str, Any]:
    whole = {
        "id": "m",
        "model": "served",
        "content": [],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 10, "output_tokens": 5},
    }
    ask = chat()
    raw = orjson.dumps(whole | fields)
    body: dict[str, Any] = orjson.loads(translated("anthropic", ask).reply(raw, ask).body)
    return body


def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return encode(orjson.dumps({"id": "x", "model": "served", "choices": [choice]} | more))


def call(index: int | None = None, id_: str | None = None, **function: Any) -> dict[str, Any]:
    fields = {"index": index, "id": id_, "function": function}
    return {name: value for name, value in fields.items() if value is not None}


def streamed(*pieces: bytes) -> list[dict[str, Any]]:
    """What a messages client is told of a chat stream, event by event."""
    ask = message(stream=True)
    stream = translated("openai", ask).stream(ask)
    out = b"".join(stream.feed(piece) for piece in pieces) + stream.finish()
    return [orjson.loads(data_of(event) or b"") for event in events(out)]


def blocks(stream: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """The content blocks of a streamed message: kind and text, in order; one open at a time."""
    pairs: list[tuple[str, str]] = []
    opened = -1
    for event in stream:
        if event["type"] == "content_block_start":
            assert opened == -1
            opened = event["index"]
            pairs.append((event["content_block"]["type"], ""))
        elif event["type"] == "content_block_delta":
            assert event["index"] == opened
            delta = event["delta"]
            more = delta.get("text") or delta.get("thinking") or delta.get("partial_json") or ""
            pairs[-1] = (pairs[-1][0], pairs[-1][1] + more)
        elif event["type"] == "content_block_stop":
            assert event["index"] == opened
            opened = -1
    return pairs


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


def test_calls_without_ids_get_one_each() -> None:
    calls = [{"function": {"name": "f", "arguments": "{}"}}] * 2
    content = as_message({"content": None, "tool_calls": calls}, "tool_calls")["content"]
    assert len({block["id"] for block in content}) == 2


def test_a_refusal_is_a_text_and_the_reason_to_stop() -> None:
    written = as_message({"content": None, "refusal": "I cannot help."})
    assert written["content"] == [{"type": "text", "text": "I cannot help."}]
    assert written["stop_reason"] == "refusal"
    told_streamed = streamed(
        chunk({"role": "assistant", "content": None, "refusal": "I cannot"}),
        chunk({"refusal": " help."}),
        chunk({}, "stop"),
    )
    assert blocks(told_streamed) == [("text", "I cannot help.")]
    assert told_streamed[-2]["delta"]["stop_reason"] == "refusal"


def test_a_refusal_of_anthropic_is_filtered_content_with_its_explanation(chat: Chat) -> None:
    details = {"type": "refusal", "category": "cyber", "explanation": "Not that."}
    (choice,) = as_chat(chat, stop_reason="refusal", stop_details=details)["choices"]
    assert choice["finish_reason"] == "content_filter"
    assert choice["message"]["refusal"] == "Not that."


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("pause_turn", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
        ("new_reason", "stop"),
    ],
)
def test_anthropics_reasons_to_stop_in_chats_words(chat: Chat, reason: str, finish: str) -> None:
    text = [{"type": "text", "text": "x"}]
    (choice,) = as_chat(chat, content=text, stop_reason=reason)["choices"]
    assert choice["finish_reason"] == finish


def test_cache_counters_come_through_both_ways(chat: Chat) -> None:
    usage = {
        "input_tokens": 10,
        "cache_read_input_tokens": 100,
        "cache_creation_input_tokens": 1000,
        "output_tokens": 5,
    }
    written = as_chat(chat, usage=usage)["usage"]
    assert (written["prompt_tokens"], written["total_tokens"]) == (1110, 1115)
    assert written["prompt_tokens_details"] == {"cached_tokens": 100, "cache_write_tokens": 1000}
    back = as_message({"content": "x"}, usage=written)["usage"]
    assert {name: back[name] for name in usage} == usage


def test_signed_thoughts_come_back_into_messages_from_chat() -> None:
    thoughts = [
        {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "cmVk"},
    ]
    answer = {"content": "Hi.", "reasoning_content": "Hm.", "thinking_blocks": thoughts}
    written = as_message(answer)
    assert written["content"] == [*thoughts, {"type": "text", "text": "Hi."}]


def test_citations_of_the_web_are_annotations_on_chat(chat: Chat) -> None:
    cited = {
        "type": "web_search_result_location",
        "url": "https://host",
        "title": "Sky",
        "cited_text": "Blue.",
        "encrypted_index": "e",
    }
    page = {"type": "page_location", "cited_text": "x", "document_index": 0}
    content = [
        {"type": "text", "text": "The sky "},
        {"type": "text", "text": "is blue.", "citations": [cited, page]},
    ]
    message_ = as_chat(chat, content=content)["choices"][0]["message"]
    assert message_["content"] == "The sky is blue."
    web = {"url": "https://host", "title": "Sky", "start_index": 8, "end_index": 16}
    assert message_["annotations"] == [{"type": "url_citation", "url_citation": web}]
    assert message_["turnout"]["citations"] == [page]


def test_blocks_that_chat_does_not_know_stand_beside_its_message(chat: Chat) -> None:
    block = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "x"}}
    written = as_chat(chat, content=[block, {"type": "text", "text": "Hi."}])
    answer = written["choices"][0]["message"]
    assert (answer["content"], answer["turnout"]["blocks"]) == ("Hi.", [block])


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


def test_log_probabilities_of_gemini_reach_chats_clients(chat: Chat) -> None:
    result = {
        "chosenCandidates": [{"token": "Hi", "logProbability": -0.5}],
        "topCandidates": [{"candidates": [{"token": "Ho", "logProbability": -1.5}]}],
    }
    candidate = {
        "content": {"parts": [{"text": "Hi"}]},
        "finishReason": "STOP",
        "logprobsResult": result,
    }
    ask = chat()
    raw = orjson.dumps({"candidates": [candidate]})
    written = orjson.loads(translated("gemini", ask).reply(raw, ask).body)["choices"][0]["logprobs"]
    assert written["content"][0]["token"] == "Hi"
    assert written["content"][0]["top_logprobs"][0]["logprob"] == -1.5


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


def test_n_answers_are_all_told(chat: Chat) -> None:
    candidates = [
        {"index": n, "content": {"parts": [{"text": f"no. {n}"}]}, "finishReason": "STOP"}
        for n in range(2)
    ]
    ask = chat(n=2)
    raw = orjson.dumps({"candidates": candidates})
    written = orjson.loads(translated("gemini", ask).reply(raw, ask).body)["choices"]
    assert [(c["index"], c["message"]["content"]) for c in written] == [(0, "no. 0"), (1, "no. 1")]


def test_usage_that_cannot_be_true_is_counted_instead() -> None:
    lie = {"prompt_tokens": 10, "completion_tokens": 5000, "total_tokens": 5010}
    written = as_message({"content": "Hello there."}, usage=lie)["usage"]
    assert written["output_tokens"] == 3
    end = encode(orjson.dumps({"choices": [], "usage": lie}))
    last = streamed(chunk({"content": "Hello there."}, "stop"), end)[-2]
    assert last["usage"]["output_tokens"] == 3


def test_a_line_of_300_kilobytes_is_read_however_it_is_cut() -> None:
    arguments = orjson.dumps({"text": "é" * 150_000}).decode()
    stream = chunk({"tool_calls": [call(0, "c1", name="f", arguments=arguments)]}) + END
    pieces = [stream[i : i + 16_001] for i in range(0, len(stream), 16_001)]
    assert blocks(streamed(*pieces)) == [("tool_use", arguments)]


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


def test_arguments_without_end_are_refused() -> None:
    fragment = chunk({"tool_calls": [call(0, "c1", name="f", arguments="x" * 60)]})
    reader = ChatReader(largest_calls=100)
    reader.feed(fragment)
    with pytest.raises(MalformedReply, match="more than 100"):
        reader.feed(fragment)


def test_which_stop_sequence_came_is_told_both_ways(chat: Chat) -> None:
    choice = {"message": {"content": "x"}, "finish_reason": "stop", "stop_reason": "END"}
    written = as_message({}, choices=[choice])
    assert (written["stop_reason"], written["stop_sequence"]) == ("stop_sequence", "END")
    text = [{"type": "text", "text": "x"}]
    (back,) = as_chat(chat, content=text, stop_reason="stop_sequence", stop_sequence="END")[
        "choices"
    ]
    assert (back["finish_reason"], back["stop_reason"]) == ("stop", "END")


def test_calls_that_are_announced_and_do_not_come_are_none() -> None:
    assert as_message({"content": "x", "tool_calls": []}, "tool_calls")["stop_reason"] == "end_turn"
    last = streamed(chunk({"content": "x"}), chunk({}, "tool_calls"))[-2]
    assert last["delta"]["stop_reason"] == "end_turn"


def test_the_first_chunk_of_azure_does_not_name_the_answer() -> None:
    filters = {"id": "", "model": "", "choices": [], "prompt_filter_results": [{"index": 0}]}
    written = streamed(encode(orjson.dumps(filters)), chunk({"content": "x"}), chunk({}, "stop"))
    assert (written[0]["message"]["id"], written[0]["message"]["model"]) == ("x", "served")


def test_an_image_of_an_answer_reaches_chats_clients(chat: Chat) -> None:
    data = {"inlineData": {"mimeType": "image/png", "data": "QUJD"}}
    candidate = {"content": {"parts": [{"text": "Here."}, data]}, "finishReason": "STOP"}
    raw = {"candidates": [candidate]}
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}}
    ask = chat()
    written = orjson.loads(translated("gemini", ask).reply(orjson.dumps(raw), ask).body)
    assert written["choices"][0]["message"]["images"] == [image]
    ask = chat(stream=True)
    stream = translated("gemini", ask).stream(ask)
    assert orjson.dumps({"images": [image]})[1:-1] in stream.feed(encode(orjson.dumps(raw)))


THOUGHT = {"content": "Hi.", "reasoning_content": "Hm."}


def test_a_thought_without_a_seal_goes_on_at_its_kind_and_not_at_anthropic() -> None:
    content = as_message(THOUGHT)["content"]
    assert content[0] == {"type": "thinking", "thinking": "Hm.", "signature": "turnout::"}
    ended = streamed(chunk({"reasoning_content": "Hm."}), chunk({"content": "Hi."}, "stop"))
    signed = [event["delta"] for event in ended if event["type"] == "content_block_delta"]
    assert signed[1] == {"type": "signature_delta", "signature": "turnout::"}
    hello = {"role": "user", "content": "x"}
    ask = message(messages=[hello, {"role": "assistant", "content": content}, hello])
    sent = {}
    for dialect in ("openai", "anthropic"):
        backend = Backend("b", "http://x", "m", dialect=dialect)
        asking, _ = dialect_of(dialect, ask)
        call_ = asking.call(backend.deployments()[0], backend, ask, "r")
        sent[dialect] = orjson.loads(call_.body)["messages"][1]
    assert sent["openai"]["reasoning_content"] == "Hm."
    assert sent["anthropic"]["content"] == [{"type": "text", "text": "Hi."}]


def test_a_turn_of_foreign_thoughts_alone_is_left_out_for_anthropic() -> None:
    foreign = {"type": "thinking", "thinking": "", "signature": "turnout:gemini:Z29v"}
    hello = {"role": "user", "content": "x"}
    ask = message(messages=[hello, {"role": "assistant", "content": [foreign]}, hello])
    backend = Backend("b", "http://x", "m", dialect="anthropic")
    asking, _ = dialect_of("anthropic", ask)
    written = orjson.loads(asking.call(backend.deployments()[0], backend, ask, "r").body)
    assert written["messages"] == [hello, hello]
