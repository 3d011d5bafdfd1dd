"""Headers that belong to a protocol travel both ways over every transport; others do not."""

from collections.abc import Callable

import pytest
from modelservers import RunningSimulator
from rawserver import raw_server, writes
from transports import NewTransport

from router.ask import Ask
from router.backends.backend import Backend, Timeouts
from router.backends.dialects.translated import DROPPED
from router.backends.dispatch.dispatch import Dispatcher
from router.backends.transport.transport import HttpCall, Target, TransportError
from router.operations.chat import parse_chat
from router.operations.message import parse_message
from router.protocols.quirks import Quirks

pytestmark = pytest.mark.virtual_time

Chat = Callable[..., Ask]
BODY = b'{"model":"m","choices":[]}'
RAW = b'{"model":"a","messages":[{"role":"user","content":"x"}]}'


async def test_a_request_takes_its_protocols_headers_along(
    dispatcher: Dispatcher, simulator: RunningSimulator
) -> None:
    place = {b"traceparent": b"00-" + b"1" * 32 + b"-" + b"2" * 16 + b"-01", b"tracestate": b"a=1"}
    ask = parse_chat(RAW, {b"openai-beta": b"x=1", b"cookie": b"secret"} | place)
    backend = Backend("b", simulator.base_url, "simulated-moe", headers=(("x-ours", "1"),))
    async with dispatcher.open([backend], ask, "r1"):
        sent = simulator.app.last_headers
    assert (sent["openai-beta"], sent["x-ours"], sent["x-request-id"]) == ("x=1", "1", "r1")
    assert not {"cookie", "traceparent", "tracestate"} & sent.keys()


async def test_an_answer_brings_its_protocols_headers_back(
    dispatcher: Dispatcher, chat: Chat
) -> None:
    head = (
        b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nOpenAI-Processing-MS: 12\r\n"
        b"openai-version: 2020-10-01\r\nopenai-organization: the-operators\r\n"
        b"x-ratelimit-remaining-requests: 9\r\n\r\n" % len(BODY)
    )
    async with raw_server(writes(head + BODY)) as server:
        backend = Backend("b", server.base_url, "m")
        async with dispatcher.open([backend], chat(), "r1") as upstream:
            assert dict(upstream.headers) == {
                "openai-processing-ms": "12",
                "openai-version": "2020-10-01",
            }


async def test_an_answer_without_any_brings_none(
    dispatcher: Dispatcher, simulator: RunningSimulator, chat: Chat
) -> None:
    backend = Backend("b", simulator.base_url, "simulated-moe")
    async with dispatcher.open([backend], chat(), "r1") as upstream:
        assert upstream.headers == ()


async def test_a_translated_request_tells_what_was_dropped(
    dispatcher: Dispatcher, simulator: RunningSimulator
) -> None:
    raw = (
        b'{"model":"a","max_tokens":9,"thinking":{"type":"enabled","budget_tokens":9},'
        b'"messages":[{"role":"user","content":"x","mo\\r\\n,od":"glad"}]}'
    )
    backend = Backend("b", simulator.base_url, "simulated-moe")
    async with dispatcher.open([backend], parse_message(raw), "r1") as upstream:
        dropped = dict(upstream.headers)[DROPPED]
    assert dropped == "messages.mo???od, thinking"


async def test_what_a_native_server_refuses_is_left_out_and_named(
    dispatcher: Dispatcher, simulator: RunningSimulator
) -> None:
    raw = RAW[:-1] + b',"top_k":3,"logit_bias":{"1":2}}'
    quirks = Quirks(drop=frozenset({"top_k", "logit_bias", "store"}))
    backend = Backend("b", simulator.base_url, "simulated-moe", quirks=quirks)
    async with dispatcher.open([backend], parse_chat(raw, {}), "r1") as upstream:
        assert dict(upstream.headers)[DROPPED] == "logit_bias, top_k"
        assert simulator.app.last_body.keys() == {"model", "messages"}


async def test_a_header_that_would_add_a_line_is_never_sent(
    new_transport: NewTransport, simulator: RunningSimulator
) -> None:
    transport = new_transport()
    target = Target(f"{simulator.base_url}/chat/completions", ())
    call = HttpCall(target, b"{}", Timeouts(), "r1", (("x-a", "1\r\nx-evil: 2"),))
    with pytest.raises(TransportError):
        await transport.send(call)
    await transport.close()
    assert simulator.app.served == 0
