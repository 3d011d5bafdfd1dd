"""What a backend is asked, and what it cannot take."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from router.ask import Ask
from router.backends.backend import Backend
from router.backends.dialects.openai import OpenAI
from router.backends.fitness import doubt, unfit
from router.domain import Usage
from router.operations.embedding import parse_embedding
from router.operations.message import parse_message
from router.operations.moderation import parse_moderation
from router.protocols.chat.passage import ChatPassage
from router.protocols.quirks import Quirks

Chat = Callable[..., Ask]
TOOL = {"type": "function", "function": {"name": "f"}}


def sent(backend: Backend, request: Ask) -> dict[str, object]:
    call = OpenAI().call(backend.deployments()[0], backend, request, "r1")
    body: dict[str, object] = orjson.loads(call.body)
    return body


def test_only_the_model_is_rewritten(chat: Chat) -> None:
    request = chat(seed=7, made_up=[1])
    body = sent(Backend("b", "http://x/v1", "real-model"), request)
    assert body == request.body | {"model": "real-model"}


def test_usage_is_asked_for_in_every_stream(chat: Chat) -> None:
    body = sent(Backend("b", "http://x/v1", "m"), chat(stream=True, stream_options={"x": 1}))
    assert body["stream_options"] == {"x": 1, "include_usage": True}


def test_quirks_rename_drop_and_add(chat: Chat) -> None:
    quirks = Quirks(
        token_param="max_completion_tokens",
        drop=frozenset({"logprobs"}),
        rename={"seed": "random_seed"},
        extra={"safe": True},
        stream_options=False,
        message_drop=frozenset({"name"}),
    )
    request = chat(
        messages=[{"role": "user", "name": "u", "content": "x"}],
        max_tokens=5,
        seed=1,
        logprobs=True,
        stream=True,
    )
    assert sent(Backend("b", "http://x/v1", "m", quirks=quirks), request) == {
        "model": "m",
        "messages": [{"role": "user", "content": "x"}],
        "max_completion_tokens": 5,
        "random_seed": 1,
        "safe": True,
        "stream": True,
    }


def test_the_credential_travels_in_one_header_only(chat: Chat) -> None:
    backend = Backend("b", "http://x/v1/", "m", api_key="sk-1")
    call = OpenAI().call(backend.deployments()[0], backend, chat(), "r1")
    assert call.target.url == "http://x/v1/chat/completions"
    assert dict(call.target.headers)["Authorization"] == "Bearer sk-1"
    assert b"sk-1" not in call.body


def test_every_address_meets_every_key() -> None:
    backend = Backend("b", "http://a", "m", api_key="1", replicas=("http://b",), api_keys=("2",))
    assert [(deployment.base_url, deployment.api_key) for deployment in backend.deployments()] == [
        ("http://a", "1"),
        ("http://a", "2"),
        ("http://b", "1"),
        ("http://b", "2"),
    ]
    assert len({deployment.id for deployment in backend.deployments()}) == 4


@pytest.mark.parametrize(
    ("supports", "window", "tokens", "why"),
    [
        (frozenset({"tools"}), None, 10, None),
        (frozenset(), None, 10, "tools"),
        (frozenset({"tools"}), 100, 101, "context_window"),
        (frozenset({"tools"}), 100, 100, None),
    ],
)
def test_a_backend_says_why_it_cannot_take_a_request(
    chat: Chat, supports: frozenset[str], window: int | None, tokens: int, why: str | None
) -> None:
    backend = Backend("b", "http://x", "m", supports=supports, context_window=window)
    assert unfit(backend, chat(tools=[TOOL]), tokens) == why


@pytest.mark.parametrize(
    ("supports", "unsaid", "why", "doubted"),
    [
        (frozenset(), frozenset({"tools"}), None, "tools"),
        (frozenset({"tools"}), frozenset({"vision"}), None, None),
        (frozenset(), frozenset({"vision"}), "tools", None),
    ],
)
def test_what_nobody_said_of_a_backend_is_doubted_not_denied(
    chat: Chat,
    supports: frozenset[str],
    unsaid: frozenset[str],
    why: str | None,
    doubted: str | None,
) -> None:
    backend = Backend("b", "http://x", "m", supports=supports, unsaid=unsaid)
    assert unfit(backend, chat(tools=[TOOL]), 10) == why
    assert doubt(backend, chat(tools=[TOOL])) == doubted
    assert doubt(backend, chat()) is None


def test_a_server_that_knows_no_developer_is_told_system(chat: Chat) -> None:
    messages = [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
    plain = Backend("b", "http://x/v1", "m", quirks=Quirks(developer_role=False))
    assert [m["role"] for m in messages_of(plain, chat(messages=messages))] == ["system", "user"]
    known = Backend("b", "http://x/v1", "m")
    assert messages_of(known, chat(messages=messages)) == messages


def messages_of(backend: Backend, request: Ask) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = sent(backend, request)["messages"]  # type: ignore[assignment]
    return messages


def test_text_parts_become_a_text_where_parts_are_refused(chat: Chat) -> None:
    parts = [{"type": "text", "text": "One"}, {"type": "text", "text": "two"}]
    image = [{"type": "image_url", "image_url": {"url": "http://x/y.png"}}]
    messages = [{"role": "user", "content": parts}, {"role": "user", "content": image}]
    backend = Backend("b", "http://x/v1", "m", quirks=Quirks(plain_content=True))
    assert [m["content"] for m in messages_of(backend, chat(messages=messages))] == [
        "One\ntwo",
        image,
    ]


def test_call_ids_are_shortened_alike_in_call_and_result(chat: Chat) -> None:
    call = {"id": "call_of_another_provider", "function": {"name": "f", "arguments": "{}"}}
    messages = [
        {"role": "assistant", "tool_calls": [call, call | {"id": "abc123XYZ"}]},
        {"role": "tool", "tool_call_id": "call_of_another_provider", "content": "1"},
    ]
    backend = Backend("b", "http://x/v1", "m", quirks=Quirks(short_call_ids=True))
    assistant, result = messages_of(backend, chat(messages=messages))
    first, second = (one["id"] for one in assistant["tool_calls"])
    assert result["tool_call_id"] == first
    assert len(first) == 9
    assert first.isalnum()
    assert second == "abc123XYZ"


def test_words_are_said_the_servers_way(chat: Chat) -> None:
    quirks = Quirks(values={"tool_choice": {"required": "any"}})
    backend = Backend("b", "http://x/v1", "m", quirks=quirks)
    assert sent(backend, chat(tools=[TOOL], tool_choice="required"))["tool_choice"] == "any"
    assert sent(backend, chat(tools=[TOOL], tool_choice="auto"))["tool_choice"] == "auto"


def test_content_in_parts_is_a_text_to_the_client(chat: Chat) -> None:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}
    content = [thinking, {"type": "text", "text": "Four."}]
    choice = {"index": 0, "finish_reason": "stop"}
    whole = {"model": "m", "choices": [choice | {"message": {"content": content}}]}
    message = orjson.loads(ChatPassage().reply(orjson.dumps(whole), chat()).body)["choices"][0]
    assert message["message"] == {"content": "Four.", "reasoning_content": "Hm."}
    piece = {"model": "m", "choices": [choice | {"delta": {"content": content}}]}
    out = ChatPassage().stream(chat(stream=True)).feed(b"data: %s\n\n" % orjson.dumps(piece))
    delta = orjson.loads(out[6:])["choices"][0]["delta"]
    assert delta == {"content": "Four.", "reasoning_content": "Hm."}


def test_groqs_usage_is_found_in_its_own_place(chat: Chat) -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 2}
    choice = {"index": 0, "delta": {}, "finish_reason": "stop"}
    last = {"model": "m", "choices": [choice], "x_groq": {"id": "r", "usage": usage}}
    translator = ChatPassage().stream(chat(stream=True))
    out = translator.feed(b"data: %s\n\ndata: [DONE]\n\n" % orjson.dumps(last))
    assert translator.usage == Usage(3, 2)
    assert b'"finish_reason":"stop"' in out


def test_details_of_a_validation_error_are_told() -> None:
    detail = [{"loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]
    raw = orjson.dumps({"object": "error", "message": {"detail": detail}})
    assert OpenAI().failure(422, raw).message == "seed: Extra inputs are not permitted"


EMBEDDING = parse_embedding(b'{"model":"a","input":"x"}')
MODERATION = parse_moderation(b'{"input":"x"}')
MESSAGE = parse_message(b'{"model":"a","max_tokens":1,"messages":[{"role":"user","content":"x"}]}')


@pytest.mark.parametrize(
    ("dialect", "ask", "why"),
    [
        ("openai", EMBEDDING, None),
        ("anthropic", EMBEDDING, "embeddings"),
        ("gemini", EMBEDDING, "embeddings"),
        ("replicate", EMBEDDING, "embeddings"),
        ("ollama", EMBEDDING, None),
        ("ollama", MESSAGE, None),
        ("gemini", MESSAGE, None),
        ("openai", MESSAGE, None),
    ],
)
def test_a_backend_says_which_operations_it_cannot_be_asked(
    dialect: str, ask: Ask, why: str | None
) -> None:
    assert unfit(Backend("b", "http://x", "m", dialect=dialect), ask, 10) == why


@pytest.mark.parametrize(
    ("serves", "ask", "why"),
    [
        (None, MODERATION, "moderations"),
        ({"moderation"}, MODERATION, None),
        ({"moderation"}, MESSAGE, "messages"),
        ({"chat"}, MESSAGE, None),
        ({"chat", "embedding"}, EMBEDDING, None),
        ({"chat"}, EMBEDDING, "embeddings"),
    ],
)
def test_a_backend_serves_what_its_section_says_and_little_else_unsaid(
    serves: set[str] | None, ask: Ask, why: str | None
) -> None:
    said = None if serves is None else frozenset(serves)
    assert unfit(Backend("b", "http://x", "m", serves=said), ask, 10) == why
