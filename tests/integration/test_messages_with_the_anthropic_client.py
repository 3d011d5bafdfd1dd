"""The official anthropic client, through the messages endpoint's row, to the simulator and back."""

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import anthropic
import pytest
from modelservers import RunningSimulator, in_thread

from router.backends.backend import Backend
from router.backends.dispatch.dispatch import Dispatcher
from router.backends.transport.httptools_transport import HttptoolsTransport
from router.errors import TurnoutError
from router.operations.table import COUNTS, OPERATIONS
from router.protocols.usage import estimate_input
from router.simulator.exchange import SimulatedExchange

STREAM = Path(__file__).parents[1] / "contract" / "native" / "messages.sse"

OPERATION = next(row for row in OPERATIONS if row.path == "/v1/messages")
COUNT = COUNTS[0]
TOOL: Any = {"name": "weather", "input_schema": {"properties": {"city": {"type": "string"}}}}
HELLO: Any = [{"role": "user", "content": "Hello"}]


def edge(backend: Backend) -> Callable[..., Awaitable[None]]:
    """The least of an edge: parse by the row, dispatch, relay."""

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        exchange = SimulatedExchange(receive, send)
        raw = await exchange.body()
        dispatcher = Dispatcher(HttptoolsTransport())
        try:
            if scope["path"].endswith("count_tokens"):
                size = COUNT.write(estimate_input(COUNT.parse(raw, {})))
                await exchange.reply_bytes(200, size, "application/json")
                return
            request = OPERATION.parse(raw, dict(scope["headers"]))
            async with dispatcher.open([backend], request, "r1") as upstream:
                if not request.stream:
                    await exchange.reply_bytes(200, upstream.body, "application/json")
                    return
                await exchange.begin_stream()
                async for block in upstream.stream():
                    await exchange.write(block)
                await exchange.write(b"", more=False)
        except TurnoutError as error:
            body = OPERATION.error_body(error)
            await exchange.reply_bytes(error.status, body, "application/json")
        finally:
            await dispatcher.close()

    return serve


@pytest.fixture
def client(simulator: RunningSimulator) -> Iterator[anthropic.Anthropic]:
    with (
        in_thread(edge(Backend("sim", simulator.base_url, "simulated-moe"))) as base_url,
        anthropic.Anthropic(base_url=base_url.removesuffix("/v1"), api_key="k") as client,
    ):
        yield client


def test_a_message(client: anthropic.Anthropic) -> None:
    message = client.messages.create(
        model="auto", max_tokens=12, system="Be brief.", messages=HELLO
    )
    assert message.content[0].type == "text"
    assert "simulated" in message.content[0].text
    assert message.stop_reason == "max_tokens"
    assert message.usage.output_tokens == 12
    assert message.model == "simulated-moe"


def test_a_streamed_message(client: anthropic.Anthropic) -> None:
    with client.messages.stream(model="auto", max_tokens=12, messages=HELLO) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert "simulated" in text
    assert final.usage.output_tokens == 12
    assert final.stop_reason == "max_tokens"


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_is_used(client: anthropic.Anthropic, stream: bool) -> None:
    asked: Any = {"model": "auto", "max_tokens": 50, "messages": HELLO, "tools": [TOOL]}
    if stream:
        with client.messages.stream(**asked) as events:
            message: Any = events.get_final_message()
    else:
        message = client.messages.create(**asked)
    used = message.content[-1]
    assert (used.type, used.name, used.input) == ("tool_use", "weather", {"city": "simulated"})
    assert message.stop_reason == "tool_use"


def test_tokens_are_counted(client: anthropic.Anthropic) -> None:
    assert client.messages.count_tokens(model="auto", messages=HELLO).input_tokens == 2


def test_a_wrong_request_raises_the_class_one_expects(client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.BadRequestError, match="role"):
        client.messages.create(
            model="auto",
            max_tokens=5,
            messages=[{"role": "narrator", "content": "x"}],  # type: ignore[typeddict-item]
        )


class Claude:
    """A server that speaks Anthropic and says what was recorded; keeps what it was asked."""

    def __init__(self) -> None:
        self.body = b""
        self.headers: dict[bytes, bytes] = {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        exchange = SimulatedExchange(receive, send)
        self.body, self.headers = await exchange.body(), dict(scope["headers"])
        await exchange.begin_stream()
        await exchange.write(STREAM.read_bytes(), more=False)


def test_claude_loses_nothing_on_its_way() -> None:
    claude = Claude()
    search: Any = {"type": "web_search_20250305", "name": "web_search"}
    with in_thread(claude) as url:
        backend = Backend("claude", url, "claude-x", dialect="anthropic", api_key="ours")
        with (
            in_thread(edge(backend)) as base_url,
            anthropic.Anthropic(base_url=base_url.removesuffix("/v1"), api_key="theirs") as client,
            client.beta.messages.stream(
                model="auto",
                max_tokens=100,
                messages=HELLO,
                tools=[search],
                betas=["context-management-2025-06-27"],
            ) as stream,
        ):
            message: Any = stream.get_final_message()
    thought, use, result, text = message.content
    assert (thought.thinking, thought.signature) == ("Où donc ? ", "EqQBCg==")
    assert (use.type, use.name, use.input) == ("server_tool_use", "web_search", {"query": "x"})
    assert result.content[0].encrypted_content == "E=="
    assert text.text == 'Bleu "ciel" 🌦 et gris'
    assert text.citations[0].encrypted_index == "I=="
    assert (message.stop_reason, message.stop_sequence) == ("stop_sequence", "FIN")
    assert message.usage.cache_creation_input_tokens == 1000
    assert message.usage.cache_read_input_tokens == 100
    assert claude.headers[b"anthropic-beta"] == b"context-management-2025-06-27"
    assert claude.headers[b"x-api-key"] == b"ours"
    assert b'"model":"claude-x"' in claude.body
    assert b"web_search_20250305" in claude.body
