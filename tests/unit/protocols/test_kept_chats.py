"""What is kept of a chat, and what a kept one shows."""

from typing import Any

import orjson
import pytest

from router.errors import BadRequest
from router.protocols.chat.kept import (
    document_of,
    ends,
    gathered,
    is_of,
    messages_of,
    read_metadata,
    shown,
    stored_name,
    with_metadata,
)

GIVEN: dict[str, Any] = {
    "model": "auto",
    "messages": [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": "https://x/y.png"}},
            ],
        },
    ],
    "temperature": 0.5,
    "metadata": {"topic": "birds"},
    "store": True,
    "user": "u",
}
ANSWER: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "model": "real",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "A bird."}}],
}
KEPT = document_of(GIVEN, ANSWER)


def chunk(*choices: dict[str, Any], **fields: Any) -> bytes:
    told = {"id": "c1", "object": "chat.completion.chunk", "model": "m", "choices": list(choices)}
    return b"data: %b\n\n" % orjson.dumps(told | fields)


def delta(index: int = 0, finish: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"index": index, "delta": fields, "finish_reason": finish}


def test_a_kept_chat_is_the_answer_with_what_was_asked_beside_it() -> None:
    assert shown(KEPT) == ANSWER | {"temperature": 0.5, "metadata": {"topic": "birds"}}


def test_messages_are_those_that_were_sent_each_with_an_id() -> None:
    system, user = messages_of(KEPT)
    assert (system["id"], system["content"], system["content_parts"]) == (
        "chatcmpl-1-0",
        "Be brief.",
        None,
    )
    assert (user["id"], user["content"]) == ("chatcmpl-1-1", "What is this?")
    assert user["content_parts"] == GIVEN["messages"][1]["content"]


@pytest.mark.parametrize("model", [None, "auto", "real"])
def test_a_chat_is_found_by_either_name_of_its_model_and_by_pairs(model: str | None) -> None:
    assert is_of(KEPT, model, {"topic": "birds"})
    assert not is_of(KEPT, "other", {})
    assert not is_of(KEPT, model, {"topic": "fish"})
    assert not is_of(KEPT, model, {"missing": "x"})


def test_metadata_is_replaced_whole() -> None:
    assert shown(with_metadata(KEPT, {"a": "b"}))["metadata"] == {"a": "b"}


@pytest.mark.parametrize(
    "wrong",
    [
        *([], "text", {"a": 1}, {"a": None}, {"k" * 65: "v"}, {"k": "v" * 513}),
        {str(number): "x" for number in range(17)},
    ],
)
def test_metadata_that_openai_would_refuse_is_refused(wrong: Any) -> None:
    with pytest.raises(BadRequest):
        read_metadata(wrong)


def test_the_same_id_of_two_organizations_has_two_names() -> None:
    assert stored_name("acme", "chatcmpl-1") != stored_name("globex", "chatcmpl-1")
    assert len(stored_name("acme", "x" * 128)) <= 64


def test_a_stream_is_gathered_to_what_a_whole_answer_would_have_been() -> None:
    call = {
        "index": 0,
        "id": "call_1",
        "type": "function",
        "function": {"name": "f", "arguments": ""},
    }
    more = {"index": 0, "function": {"arguments": '{"a":'}}
    rest = {"index": 0, "function": {"arguments": "1}"}}
    whole = gathered(
        b": comment\n\n"
        + chunk(delta(role="assistant", content=""), service_tier="default")
        + chunk(delta(content="Hel", reasoning_content="Hm"), delta(1, content="x"))
        + chunk(delta(content="lo", reasoning_content="."))
        + chunk(delta(tool_calls=[call]))
        + chunk(delta(tool_calls=[more]))
        + chunk(delta(tool_calls=[rest]))
        + chunk(delta(finish="tool_calls"), delta(1, finish="stop"))
        + chunk(usage={"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3})
        + b"data: [DONE]\n\n"
    )
    assert (whole["id"], whole["object"], whole["service_tier"]) == (
        "c1",
        "chat.completion",
        "default",
    )
    assert whole["usage"]["total_tokens"] == 3
    first, second = whole["choices"]
    assert first["message"]["content"] == "Hello"
    assert first["message"]["reasoning_content"] == "Hm."
    (made,) = first["message"]["tool_calls"]
    assert made == {
        "id": "call_1",
        "type": "function",
        "function": {"name": "f", "arguments": '{"a":1}'},
    }
    assert (first["finish_reason"], second["finish_reason"]) == ("tool_calls", "stop")
    assert second["message"]["content"] == "x"


def test_logprobs_of_a_stream_are_put_behind_each_other() -> None:
    told = [{**delta(content=text), "logprobs": {"content": [{"token": text}]}} for text in "ab"]
    (choice,) = gathered(b"".join(chunk(one) for one in told))["choices"]
    assert [one["token"] for one in choice["logprobs"]["content"]] == ["a", "b"]


def test_what_is_no_stream_of_a_chat_is_told() -> None:
    with pytest.raises(ValueError, match="choices"):
        gathered(b"data: {}\n\n")


def test_only_the_end_of_a_stream_is_its_end() -> None:
    assert ends(b"data: {}\n\ndata: [DONE]\n\n")
    assert not ends(chunk(delta(content="[DONE]")))
    assert not ends(chunk(delta(content="\ndata: [DONE]")))
