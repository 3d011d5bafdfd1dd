"""The nastiest answers between protocols: content, reasons to stop, usage, what stands beside."""

import orjson
import pytest
from hub_answers import Chat, as_chat, as_message, blocks, chunk, message, streamed

from router.backends.backend import Backend
from router.backends.dialects.translated import dialect_of, translated
from router.protocols.sse import encode


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


def test_which_stop_sequence_came_is_told_both_ways(chat: Chat) -> None:
    choice = {"message": {"content": "x"}, "finish_reason": "stop", "stop_reason": "END"}
    written = as_message({}, choices=[choice])
    assert (written["stop_reason"], written["stop_sequence"]) == ("stop_sequence", "END")
    text = [{"type": "text", "text": "x"}]
    (back,) = as_chat(chat, content=text, stop_reason="stop_sequence", stop_sequence="END")[
        "choices"
    ]
    assert (back["finish_reason"], back["stop_reason"]) == ("stop", "END")


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


def test_a_model_that_its_server_does_not_name_is_called_as_it_was_asked_for() -> None:
    assert as_message({"content": "x"}, model=None)["model"] == "a"
    choice = b'{"id":"x","choices":[{"index":0,"delta":{"content":"x"},"finish_reason":"stop"}]}'
    start, *_ = streamed(encode(choice))
    assert start["message"]["model"] == "a"


def test_answers_of_a_server_that_tells_no_id_have_each_their_own() -> None:
    whole = [as_message({"content": "x"}, id=None)["id"] for _ in range(2)]
    choice = b'{"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":"stop"}]}'
    starts = [streamed(encode(choice))[0]["message"]["id"] for _ in range(2)]
    assert len({*whole, *starts}) == 4
    assert all(id_.startswith("msg_") for id_ in (*whole, *starts))
