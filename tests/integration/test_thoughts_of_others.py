"""A conversation whose thoughts another server signed goes on at a server that refuses them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from modelservers import in_this_loop
from scripted import message, sse

from router.ask import Ask
from router.backends.backend import Backend
from router.backends.dispatch.dispatch import Dispatcher
from router.backends.dispatch.failures import Kind
from router.backends.dispatch.retry import RetryPolicy
from router.backends.dispatch.upstream import Upstream
from router.backends.transport.httptools_transport import HttptoolsTransport
from router.errors import UpstreamRejected
from router.operations.chat import parse_chat
from router.operations.message import parse_message
from router.operations.response import parse_response
from router.simulator.exchange import SimulatedExchange

REFUSED = {
    "anthropic": "messages.1.content.0: Invalid `signature` in `thinking` block",
    "responses": "The encrypted content gAAA could not be verified.",
}
SIGNED = {"type": "thinking", "thinking": "Hm", "signature": "another server's"}
REDACTED = {"type": "redacted_thinking", "data": "another server's"}
SAID = {"type": "text", "text": "Hello."}
MESSAGE: dict[str, Any] = {
    "model": "auto",
    "max_tokens": 50,
    "messages": [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": [SIGNED, REDACTED, SAID]},
        {"role": "user", "content": "And?"},
    ],
}
CHAT: dict[str, Any] = {
    "model": "auto",
    "messages": [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello.", "thinking_blocks": [SIGNED]},
        {"role": "user", "content": "And?"},
    ],
}
RESPONSE: dict[str, Any] = {
    "model": "auto",
    "input": [
        {"role": "user", "content": "Hi"},
        {"type": "reasoning", "summary": [], "encrypted_content": "another server's"},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": "And?"},
    ],
}
ANSWERED: dict[str, Any] = {
    "id": "resp_1",
    "object": "response",
    "model": "m",
    "status": "completed",
    "output": [{"type": "message", "content": [{"type": "output_text", "text": "Hello."}]}],
    "usage": {"input_tokens": 1, "output_tokens": 1},
}
PARSERS = {"messages": parse_message, "chat": parse_chat, "responses": parse_response}


def asked(protocol: str, body: dict[str, Any], **more: Any) -> Ask:
    return PARSERS[protocol](orjson.dumps(body | more))


class Strict:
    """Refuses whatever holds `mark`; `heard` are the bodies that it was sent."""

    def __init__(self, refusal: str, mark: bytes = b"another server's") -> None:
        self._refusal = refusal
        self._mark = mark
        self.heard: list[bytes] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        exchange = SimulatedExchange(receive, send)
        raw = await exchange.body()
        self.heard.append(raw)
        if self._mark in raw:
            error = {"type": "invalid_request_error", "message": self._refusal}
            await exchange.reply(400, {"type": "error", "error": error})
            return
        whole, stream = message(SAID)
        if scope["path"].endswith("/responses"):
            whole, stream = ANSWERED, sse([{"type": "response.completed", "response": ANSWERED}])
        if orjson.loads(raw).get("stream"):
            await exchange.begin_stream()
            await exchange.write(stream, more=False)
        else:
            await exchange.reply(200, whole)


@asynccontextmanager
async def dispatching(server: Strict, dialect: str) -> AsyncIterator[tuple[Dispatcher, Backend]]:
    async with in_this_loop(server) as url:
        dispatcher = Dispatcher(HttptoolsTransport(), retry=RetryPolicy(rounds=0))
        try:
            yield dispatcher, Backend("strict", url, "m", dialect=dialect)
        finally:
            await dispatcher.close()


async def told(upstream: Upstream) -> dict[str, str]:
    if upstream.request.stream:
        assert [block async for block in upstream.stream()]
    return dict(upstream.headers)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("protocol", "body", "dialect"),
    [
        ("messages", MESSAGE, "anthropic"),
        ("messages", MESSAGE, "vertex-anthropic"),
        ("chat", CHAT, "anthropic"),
        ("responses", RESPONSE, "responses"),
    ],
    ids=["natively", "on Vertex", "translated", "responses"],
)
async def test_thoughts_that_a_server_refuses_are_left_out_and_named(
    protocol: str, body: dict[str, Any], dialect: str, stream: bool
) -> None:
    server = Strict(REFUSED["responses" if dialect == "responses" else "anthropic"])
    async with dispatching(server, dialect) as (dispatcher, backend):
        async with dispatcher.open([backend], asked(protocol, body, stream=stream), "r1") as up:
            assert "thinking" in (await told(up))["x-turnout-dropped"].split(", ")
        first, second = server.heard
        assert b"another server's" in first
        assert b"Hello." in second
        health = dispatcher.view()["strict"]
        assert (health.healthy, health.in_flight) == (True, 0)
        assert health.failures == {Kind.THOUGHT.name: 1}


async def test_thoughts_that_are_not_refused_go_through_as_they_came() -> None:
    server = Strict(REFUSED["anthropic"], mark=b"no such")
    async with dispatching(server, "anthropic") as (dispatcher, backend):
        async with dispatcher.open([backend], asked("messages", MESSAGE), "r1") as upstream:
            assert "x-turnout-dropped" not in await told(upstream)
        (raw,) = server.heard
        assert orjson.loads(raw)["messages"] == MESSAGE["messages"]


async def test_a_server_that_refuses_even_then_is_asked_twice_and_no_more() -> None:
    server = Strict(REFUSED["anthropic"], mark=b"Hello.")
    async with dispatching(server, "anthropic") as (dispatcher, backend):
        with pytest.raises(UpstreamRejected) as caught:
            async with dispatcher.open([backend], asked("messages", MESSAGE), "r1"):
                pass
        assert (caught.value.status, len(server.heard)) == (400, 2)
        assert "Invalid `signature`" in caught.value.message


async def test_the_next_candidate_is_not_asked_with_them_either() -> None:
    first, second = Strict(REFUSED["anthropic"], mark=b"Hello."), Strict(REFUSED["anthropic"])
    async with (
        dispatching(first, "anthropic") as (dispatcher, backend),
        in_this_loop(second) as url,
    ):
        other = Backend("other", url, "m", dialect="anthropic")
        async with dispatcher.open([backend, other], asked("messages", MESSAGE), "r1") as upstream:
            assert upstream.backend.name == "other"
            assert (await told(upstream))["x-turnout-dropped"] == "thinking"
        assert len(second.heard) == 1
