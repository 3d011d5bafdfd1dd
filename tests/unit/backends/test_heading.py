"""Addresses and headers of calls: where the key stands, and what stands behind every path."""

import orjson
import pytest

from router.backends.backend import Backend
from router.backends.dialects.table import DIALECTS
from router.backends.dialects.translated import dialect_of
from router.backends.transport.transport import HttpCall
from router.operations.chat import parse_chat
from router.operations.embedding import parse_embedding
from router.operations.message import parse_message

KEY = "sk-of-the-provider"
CHAT = b'{"model":"a","messages":[{"role":"user","content":"Hi"}]}'
MESSAGE = (
    b'{ "model" : "a", "max_tokens":9,"stream":%s, "messages":[{"role":"user","content":"Hi"}]}'
)
USUAL = {
    "openai": ("Authorization", f"Bearer {KEY}"),
    "responses": ("Authorization", f"Bearer {KEY}"),
    "anthropic": ("x-api-key", KEY),
    "gemini": ("x-goog-api-key", KEY),
    "ollama": ("Authorization", f"Bearer {KEY}"),
    "replicate": ("Authorization", f"Bearer {KEY}"),
    "vertex-anthropic": ("x-goog-api-key", KEY),
}


def call_of(dialect: str, raw: bytes = CHAT, **more: object) -> HttpCall:
    backend = Backend("b", "https://host/v1", "m", dialect=dialect, api_key=KEY, **more)  # type: ignore[arg-type]
    ask = (parse_message if b"max_tokens" in raw else parse_chat)(raw)
    return dialect_of(dialect, ask)[0].call(backend.deployments()[0], backend, ask, "r1")


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
def test_a_key_stands_where_the_servers_of_a_dialect_look_for_it(dialect: str) -> None:
    assert USUAL[dialect] in call_of(dialect).target.headers


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
def test_a_key_stands_where_the_operator_says_instead(dialect: str) -> None:
    headers = call_of(dialect, key_header="api-key").target.headers
    assert [name for name, value in headers if KEY in value] == ["api-key"]
    assert dict(headers)["api-key"] == KEY


def test_a_key_in_authorization_is_a_bearer_token_in_every_dialect() -> None:
    assert dict(call_of("anthropic", key_header="authorization").target.headers)[
        "authorization"
    ] == (f"Bearer {KEY}")


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
def test_every_address_ends_with_the_query_that_the_operator_gave(dialect: str) -> None:
    url = call_of(dialect, query=(("api-version", "2024-10-21"), ("a", "b c"))).target.url
    assert url.endswith("api-version=2024-10-21&a=b+c")
    assert url.count("?") == 1


def test_a_query_stands_beside_the_one_that_a_dialect_needs() -> None:
    streamed = CHAT.replace(b"{", b'{"stream":true,', 1)
    url = call_of("gemini", streamed, query=(("x", "1"),)).target.url
    assert url == "https://host/v1/models/m:streamGenerateContent?alt=sse&x=1"


@pytest.mark.parametrize(
    ("stream", "verb"), [("true", "streamRawPredict"), ("false", "rawPredict")]
)
def test_claude_on_vertex_is_named_in_the_address_and_its_version_in_the_body(
    stream: str, verb: str
) -> None:
    call = call_of("vertex-anthropic", MESSAGE % stream.encode())
    assert call.target.url == f"https://host/v1/models/m:{verb}"
    body = orjson.loads(call.body)
    assert "model" not in body
    assert body["anthropic_version"] == "vertex-2023-10-16"
    assert b'"messages":[{"role":"user","content":"Hi"}]' in call.body  # its own bytes


def test_claude_on_vertex_is_asked_the_same_by_clients_of_chat() -> None:
    call = call_of("vertex-anthropic")
    body = orjson.loads(call.body)
    assert call.target.url == "https://host/v1/models/m:rawPredict"
    assert "model" not in body
    assert body["anthropic_version"] == "vertex-2023-10-16"
    assert body["messages"] == [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]


def test_claude_on_vertex_hears_of_betas_but_of_no_version_in_a_header() -> None:
    backend = Backend("b", "https://host/v1", "claude-x@20260101", dialect="vertex-anthropic")
    headers = {b"anthropic-beta": b"a,b", b"anthropic-version": b"2023-06-01"}
    ask = parse_message(MESSAGE % b"false", headers=headers)
    call = dialect_of("vertex-anthropic", ask)[0].call(backend.deployments()[0], backend, ask, "r")
    assert dict(call.headers) == {"anthropic-beta": "a,b"}
    assert call.target.url == "https://host/v1/models/claude-x@20260101:rawPredict"


@pytest.mark.parametrize("root", ["http://host:1", "http://host:1/", "http://host:1/api"])
def test_ollama_is_asked_below_its_root_in_either_form(root: str) -> None:
    backend = Backend("b", root, "m", dialect="ollama")
    for ask, url in (
        (parse_chat(CHAT), "http://host:1/api/chat"),
        (parse_embedding(b'{"model":"a","input":"x"}'), "http://host:1/v1/embeddings"),
    ):
        call = dialect_of("ollama", ask)[0].call(backend.deployments()[0], backend, ask, "r1")
        assert call.target.url == url
    assert call.body == b'{"model":"m","input":"x"}'  # its own bytes


def test_ollama_is_told_the_window_that_the_gateway_counts_on() -> None:
    body = orjson.loads(call_of("ollama", context_window=8192).body)
    assert body["options"] == {"num_ctx": 8192}
    assert "options" not in orjson.loads(call_of("ollama").body)
