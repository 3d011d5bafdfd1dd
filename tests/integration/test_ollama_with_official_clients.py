"""Ollama's own form behind every protocol's official client; and the official client of Ollama, so
that the server of these tests and our own bodies have the shapes that it knows."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anthropic
import ollama
import openai
import pytest
from edge import edge
from modelservers import in_thread
from ollama_server import FORGETFUL, OllamaServer

from router.backends.backend import Backend
from router.operations.table import OPERATIONS

ROWS = {row.name: row for row in OPERATIONS}
WEATHER: Any = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
}
TOOL: Any = {"type": "function", "function": {"name": "weather", "parameters": WEATHER}}
ASKED: Any = [{"role": "user", "content": "Oslo?"}]
LONG: Any = [{"role": "user", "content": "one two three four five six seven eight nine ten"}]


@pytest.fixture
def server() -> OllamaServer:
    return OllamaServer()


@contextmanager
def openais(
    server: OllamaServer, operation: str = "chat", model: str = "small", window: int | None = None
) -> Iterator[openai.OpenAI]:
    """OpenAI's client of a backend at this server."""
    with in_thread(server) as url:
        backend = Backend("b", url, model, dialect="ollama", context_window=window)
        with (
            in_thread(edge(ROWS[operation], backend)) as address,
            openai.OpenAI(base_url=address, api_key="k", max_retries=0) as client,
        ):
            yield client


@contextmanager
def anthropics(server: OllamaServer) -> Iterator[anthropic.Anthropic]:
    with in_thread(server) as url:
        backend = Backend("b", url, "small", dialect="ollama")
        with (
            in_thread(edge(ROWS["message"], backend)) as address,
            anthropic.Anthropic(base_url=address.removesuffix("/v1"), api_key="k") as client,
        ):
            yield client


def test_a_chat_is_answered_whole_and_streamed(server: OllamaServer) -> None:
    with openais(server) as client:
        whole = client.chat.completions.create(model="auto", messages=ASKED)
        chunks = list(
            client.chat.completions.create(
                model="auto",
                messages=ASKED,
                stream=True,
                stream_options={"include_usage": True},
            )
        )
    said = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert whole.choices[0].message.content == said == f"{FORGETFUL}Oslo? "
    assert whole.model == "small"
    assert whole.usage is not None
    assert (whole.usage.prompt_tokens, whole.usage.completion_tokens) == (1, 3)
    assert chunks[-1].usage == whole.usage
    assert server.paths == ["/api/chat"] * 2


def test_a_chats_tool_is_called_under_an_id_and_its_result_told(server: OllamaServer) -> None:
    with openais(server) as client:
        first = client.chat.completions.create(model="auto", messages=ASKED, tools=[TOOL])
        said = first.choices[0].message
        assert said.tool_calls
        (call,) = said.tool_calls
        assert (first.choices[0].finish_reason, call.type) == ("tool_calls", "function")
        assert call.type == "function"
        assert (call.function.name, json.loads(call.function.arguments)) == (
            "weather",
            {"city": "Oslo"},
        )
        result: Any = {"role": "tool", "tool_call_id": call.id, "content": "rain"}
        history: Any = [*ASKED, said.to_dict(), result]
        last = client.chat.completions.create(model="auto", messages=history, tools=[TOOL])
    assert (last.choices[0].message.content or "").endswith("rain ")
    assert server.heard[-1]["messages"][-1] == {
        **{"role": "tool", "content": "rain"},
        **{"tool_name": "weather", "tool_call_id": call.id},
    }


def test_a_response_is_answered_whole_and_streamed(server: OllamaServer) -> None:
    with openais(server, "response") as client:
        whole = client.responses.create(model="auto", input="Oslo?")
        with client.responses.stream(model="auto", input="Oslo?") as stream:
            final = stream.get_final_response()
    assert whole.output_text == final.output_text == f"{FORGETFUL}Oslo? "
    assert [item.type for item in final.output] == ["reasoning", "message"]
    assert final.usage == whole.usage


def test_a_message_is_answered_whole_and_streamed(server: OllamaServer) -> None:
    tool: Any = {"name": "weather", "input_schema": WEATHER}
    with anthropics(server) as client:
        cut = client.messages.create(model="auto", max_tokens=2, messages=ASKED)
        with client.messages.stream(
            model="auto", max_tokens=99, messages=ASKED, tools=[tool]
        ) as stream:
            final = stream.get_final_message()
    assert (cut.stop_reason, cut.usage.output_tokens) == ("max_tokens", 2)
    assert final.stop_reason == "tool_use"
    assert final.content[-1].type == "tool_use"
    assert final.content[-1].input == {"city": "Oslo"}


def test_a_prompt_that_does_not_fit_is_an_error_and_never_cut(server: OllamaServer) -> None:
    with openais(server) as client, pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(model="auto", messages=LONG)
    assert "context" in caught.value.message
    with openais(server, window=4096) as client:
        whole = client.chat.completions.create(model="auto", messages=LONG)
    assert f"{FORGETFUL}one two" in (whole.choices[0].message.content or "")
    assert server.heard[-1]["options"] == {"num_ctx": 4096}


@pytest.mark.parametrize(
    ("model", "words"), [("plain", "does not support tools"), ("other", "model unknown there")]
)
def test_a_refusal_is_told_in_the_servers_words(
    server: OllamaServer, model: str, words: str
) -> None:
    with openais(server, model=model) as client, pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(model="auto", messages=ASKED, tools=[TOOL])
    assert words in caught.value.message


def test_embeddings_go_to_the_same_server(server: OllamaServer) -> None:
    with openais(server, "embedding") as client:
        answer = client.embeddings.create(
            model="auto", input=["one", "two"], encoding_format="float"
        )
    assert [item.embedding for item in answer.data] == [[0.5], [0.5]]
    assert server.paths == ["/v1/embeddings"]
    assert server.heard[-1]["model"] == "small"


def test_completions_stream_from_the_same_server(server: OllamaServer) -> None:
    with openais(server, "completion") as client:
        pieces = client.completions.create(model="auto", prompt="Once upon", stream=True)
        assert [piece.choices[0].text for piece in pieces if piece.choices] == ["Once", "upon", ""]


def test_lines_are_read_whatever_their_type_says() -> None:
    with openais(OllamaServer("text/plain; charset=utf-8")) as client:
        chunks = list(client.chat.completions.create(model="auto", messages=ASKED, stream=True))
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == f"{FORGETFUL}Oslo? "


def test_the_official_client_of_ollama_reads_the_server_of_these_tests(
    server: OllamaServer,
) -> None:
    with in_thread(server) as url, ollama.Client(host=url.removesuffix("/v1")) as client:
        whole = client.chat("small", ASKED, tools=[TOOL])
        pieces = list(client.chat("small", ASKED, stream=True))
        with pytest.raises(ollama.ResponseError, match="not found"):
            client.chat("other", ASKED)
    assert whole.message.tool_calls
    assert whole.message.tool_calls[0].function.arguments == {"city": "Oslo"}
    assert "".join(piece.message.content or "" for piece in pieces) == f"{FORGETFUL}Oslo? "
    assert (pieces[-1].done, pieces[-1].done_reason) == (True, "stop")
    assert (pieces[-1].prompt_eval_count, pieces[-1].eval_count) == (1, 3)
