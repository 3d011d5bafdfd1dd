"""Replicate's predictions: what can be said there, what cannot, and answers that are none."""

from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import orjson
import pytest
from rawserver import raw_server
from shapes import REPLICATE
from transports import NewTransport

from router.ask import Ask
from router.backends.backend import Backend
from router.backends.dialects.translated import translated
from router.backends.dispatch.dispatch import Dispatcher
from router.domain import Usage
from router.protocols.passage import ErrorInside, Reply
from router.protocols.quirks import Quirks
from router.protocols.unsupported import Unsupported

Chat = Callable[..., Ask]
MESSAGES = Quirks(
    token_param="max_completion_tokens", rename=MappingProxyType({"prompt": "messages"})
)
SYSTEM = {"role": "system", "content": "Be brief."}
TURNS = [
    {"role": "user", "content": "Hi."},
    {"role": "assistant", "content": "Hello."},
    {"role": "user", "content": [{"type": "text", "text": "Go on."}]},
]
TOOL = {"type": "function", "function": {"name": "weather"}}
PICTURE = {"type": "image_url", "image_url": {"url": "https://host/a.png"}}


def asked(request: Ask, quirks: Quirks | None = None) -> tuple[Any, Any]:
    backend = Backend(
        "b", "https://host/v1", "meta/small", dialect="replicate", quirks=quirks or Quirks()
    )
    call = translated("replicate", request).call(backend.deployments()[0], backend, request, "r1")
    return call, orjson.loads(call.body)["input"]


def answered(raw: bytes, request: Ask) -> Reply:
    return translated("replicate", request).reply(raw, request)


def test_one_turn_is_a_prompt_waited_for_with_a_deadline(chat: Chat) -> None:
    request = chat(messages=[SYSTEM, TURNS[0]], max_tokens=9, temperature=0.5, seed=1)
    call, inputs = asked(request)
    assert call.target.url == "https://host/v1/models/meta/small/predictions"
    assert {"Prefer": "wait=60", "Cancel-After": "1m"}.items() <= dict(call.target.headers).items()
    assert inputs == {
        "prompt": "Hi.", "system_prompt": "Be brief.", "max_tokens": 9, "temperature": 0.5,
    }  # fmt: skip


def test_a_conversation_goes_to_models_that_know_messages(chat: Chat) -> None:
    _, inputs = asked(chat(messages=[SYSTEM, *TURNS], max_tokens=9), MESSAGES)
    assert [message["role"] for message in inputs["messages"]] == [
        "system", "user", "assistant", "user",
    ]  # fmt: skip
    assert inputs["messages"][-1]["content"] == "Go on."
    assert inputs["max_completion_tokens"] == 9


@pytest.mark.parametrize(
    "more",
    [
        {"messages": TURNS},
        {"messages": [{"role": "user", "content": [PICTURE]}]},
        {"tools": [TOOL]},
        {"stop": ["END"]},
        {"n": 2},
        {"response_format": {"type": "json_object"}},
    ],
    ids=["turns", "image", "tools", "stop", "n", "json"],
)
def test_what_cannot_be_said_is_left_to_another_backend(chat: Chat, more: Any) -> None:
    with pytest.raises(Unsupported):
        asked(chat(**more))


@pytest.mark.parametrize(
    ("status", "code"), [("processing", 504), ("canceled", 504), ("aborted", 504), ("failed", 502)]
)
def test_a_prediction_that_is_late_or_failed_is_an_error(
    chat: Chat, status: str, code: int
) -> None:
    raw = orjson.dumps(REPLICATE["text"].whole | {"status": status, "output": None})
    with pytest.raises(ErrorInside) as caught:
        answered(raw, chat())
    assert caught.value.status == code


def test_without_token_counts_the_gateway_counts(chat: Chat) -> None:
    raw = orjson.dumps(REPLICATE["text"].whole | {"metrics": {"predict_time": 1.0}})
    reply = answered(raw, chat())
    assert reply.usage.estimated
    assert reply.usage.output_tokens == 3


def test_an_answer_as_long_as_was_allowed_was_cut(chat: Chat) -> None:
    raw = orjson.dumps(REPLICATE["text"].whole)
    answer = orjson.loads(answered(raw, chat(max_tokens=4)).body)
    assert answer["choices"][0]["finish_reason"] == "length"


@pytest.mark.parametrize("stream", [False, True])
async def test_through_the_dispatcher_whole_and_as_a_stream_of_one_piece(
    new_transport: NewTransport, chat: Chat, stream: bool
) -> None:
    body = orjson.dumps(REPLICATE["text"].whole)
    head = b"HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"

    async def script(_reader: object, writer: Any) -> None:
        writer.write(head % len(body) + body)

    dispatcher = Dispatcher(new_transport())
    async with raw_server(script) as server:
        backend = Backend("b", server.base_url, "meta/small", dialect="replicate")
        async with dispatcher.open([backend], chat(stream=stream), "r1") as upstream:
            out = b"".join([block async for block in upstream.stream()]) or upstream.body
            assert upstream.usage == Usage(20, 4)
    await dispatcher.close()
    assert b"Hello there." in out
    assert out.endswith(b"data: [DONE]\n\n") == stream
