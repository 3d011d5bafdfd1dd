"""Answers that say something at an unusual place: it comes through, whole and streamed."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from router.ask import Ask
from router.backends.dialects.translated import translated
from router.operations.message import parse_message
from router.protocols.passage import MalformedReply
from router.protocols.sse import data_of, encode, events

Chat = Callable[..., Ask]


def message(**fields: Any) -> Ask:
    body = {"model": "a", "max_tokens": 99, "messages": [{"role": "user", "content": "x"}]}
    return parse_message(orjson.dumps(body | fields))


def whole(fields: dict[str, Any], finish: str = "stop") -> list[dict[str, Any]]:
    """The blocks that a messages client is told of a chat server's message."""
    choice = {"index": 0, "message": {"role": "assistant", "content": None} | fields}
    body = {"id": "x", "model": "m", "choices": [choice | {"finish_reason": finish}]}
    ask = message()
    back = orjson.loads(translated("openai", ask).reply(orjson.dumps(body), ask).body)
    content: list[dict[str, Any]] = back["content"]
    return content


def streamed(*deltas: dict[str, Any]) -> str:
    """All that a messages client is told of these deltas, with what is its own left out."""
    ends = [None] * (len(deltas) - 1) + ["stop"]
    ask = message(stream=True)
    stream = translated("openai", ask).stream(ask)
    out = b""
    for delta, finish in zip(deltas, ends, strict=True):
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        out += stream.feed(encode(orjson.dumps({"id": "x", "choices": [choice]})))
    written = [orjson.loads(data_of(event) or b"") for event in events(out + stream.finish())]
    grown = [event["delta"] for event in written if event["type"] == "content_block_delta"]
    return "".join(one.get("text") or one.get("thinking") or "" for one in grown)


def test_an_old_function_call_is_a_tool_use() -> None:
    (block,) = whole({"function_call": {"name": "f", "arguments": '{"a":1}'}}, "function_call")
    assert (block["type"], block["name"], block["input"]) == ("tool_use", "f", {"a": 1})


SOUND = {"id": "a1", "data": "QUJD", "transcript": "Hi there."}


def test_what_a_spoken_answer_says_is_a_text_on_messages() -> None:
    text, sound = whole({"audio": SOUND})
    assert text == {"type": "text", "text": "Hi there."}
    assert "a sound" in sound["text"]
    assert streamed({"audio": {"id": "a1"}}, {"audio": {"transcript": "Hi."}}) == "Hi."


@pytest.mark.parametrize("detail", [{"text": "Hm."}, {"summary": "Hm."}])
def test_a_thought_that_is_told_in_details_alone_is_a_thought(detail: dict[str, str]) -> None:
    details = [{"type": "reasoning.text", "signature": "c2ln"} | detail]
    thought, _ = whole({"content": "Hi.", "reasoning_details": details})
    assert thought == {"type": "thinking", "thinking": "Hm.", "signature": "turnout::"}
    assert streamed({"reasoning_details": details}, {"content": "Hi."}) == "Hm.Hi."
    both = {"reasoning": "Hm.", "reasoning_details": details}
    assert streamed(both, {"content": "Hi."}) == "Hm.Hi."


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("https://host/a.png", "![image](https://host/a.png)"),
        (
            "data:image/png;base64,QUJD",
            "[The answer holds an image that cannot be told in this protocol.]",
        ),
    ],
)
def test_an_answer_of_an_image_alone_is_not_empty_on_messages(url: str, text: str) -> None:
    fields = {"images": [{"type": "image_url", "image_url": {"url": url}}]}
    assert whole(fields) == [{"type": "text", "text": text}]
    assert streamed(fields) == text


CONTAINER = {"id": "c1", "expires_at": "2026-01-01T00:00:00Z"}


def test_the_container_of_hosted_tools_stands_beside_chats_message(chat: Chat) -> None:
    body = {"id": "m", "content": [], "stop_reason": "end_turn", "container": CONTAINER}
    ask = chat()
    raw = orjson.dumps(body | {"usage": {"input_tokens": 1, "output_tokens": 1}})
    answer = orjson.loads(translated("anthropic", ask).reply(raw, ask).body)
    assert answer["choices"][0]["message"]["turnout"] == {"container": CONTAINER}
    ask = chat(stream=True)
    stream = translated("anthropic", ask).stream(ask)
    delta = {"stop_reason": "end_turn", "container": CONTAINER}
    told_events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {"id": "m", "usage": {}}},
        {"type": "message_delta", "delta": delta, "usage": {"output_tokens": 1}},
        {"type": "message_stop"},
    ]
    out = b"".join(stream.feed(encode(orjson.dumps(event))) for event in told_events)
    assert orjson.dumps({"turnout": {"container": CONTAINER}})[1:-1] in out


def test_a_call_that_gemini_itself_could_not_read_is_no_answer(chat: Chat) -> None:
    body = {"candidates": [{"content": {}, "finishReason": "MALFORMED_FUNCTION_CALL"}]}
    ask = chat()
    with pytest.raises(MalformedReply, match="called a tool"):
        translated("gemini", ask).reply(orjson.dumps(body), ask)
    ask = chat(stream=True)
    stream = translated("gemini", ask).stream(ask)
    stream.feed(encode(orjson.dumps(body)))
    with pytest.raises(MalformedReply, match="called a tool"):
        stream.finish()


def test_what_gemini_said_before_a_call_that_it_could_not_read_is_an_answer(chat: Chat) -> None:
    content = {"parts": [{"text": "Hi."}]}
    body = {"candidates": [{"content": content, "finishReason": "MALFORMED_FUNCTION_CALL"}]}
    ask = chat()
    answer = orjson.loads(translated("gemini", ask).reply(orjson.dumps(body), ask).body)
    assert answer["choices"][0]["message"]["content"] == "Hi."
