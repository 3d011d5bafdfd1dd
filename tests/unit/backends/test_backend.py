"""What a backend is asked, and what it cannot take."""

from collections.abc import Callable

import orjson
import pytest

from router.backends.backend import Backend, Quirks
from router.backends.dialects.openai import OpenAI
from router.wire.chat import ChatRequest

Chat = Callable[..., ChatRequest]
TOOL = {"type": "function", "function": {"name": "f"}}


def sent(backend: Backend, request: ChatRequest) -> dict[str, object]:
    call = OpenAI().call(backend.lanes()[0], backend, request, "r1")
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
    call = OpenAI().call(backend.lanes()[0], backend, chat(), "r1")
    assert call.url == "http://x/v1/chat/completions"
    assert dict(call.headers)["Authorization"] == "Bearer sk-1"
    assert b"sk-1" not in call.body


def test_every_address_meets_every_key() -> None:
    backend = Backend("b", "http://a", "m", api_key="1", replicas=("http://b",), api_keys=("2",))
    assert [(lane.base_url, lane.api_key) for lane in backend.lanes()] == [
        ("http://a", "1"),
        ("http://a", "2"),
        ("http://b", "1"),
        ("http://b", "2"),
    ]
    assert len({lane.id for lane in backend.lanes()}) == 4


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
    assert backend.unfit(chat(tools=[TOOL]), tokens) == why
