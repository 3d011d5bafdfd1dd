"""Two gateways, one scarce backend: its slots are shared through the ledger."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from ledgerkit import Outside

from router.ask import Ask
from router.backends.backend import Backend, Capacity
from router.backends.dispatch.dispatch import Dispatcher
from router.backends.dispatch.retry import RetryPolicy
from router.backends.health.slots import Priority
from router.backends.transport.httptools_transport import HttptoolsTransport
from router.errors import Overloaded
from router.ledger.ledger import Ledger
from router.operations.chat import parse_chat

REPLY = b'{"model":"m","choices":[]}'


@pytest.fixture
async def address() -> AsyncIterator[str]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(REPLY), REPLY))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    server.close()


def chat() -> Ask:
    return parse_chat(b'{"model":"auto","messages":[{"role":"user","content":"hi"}]}')


async def test_a_slot_taken_by_one_gateway_is_not_there_for_another(
    ledger: Ledger, outside: Outside, address: str
) -> None:
    capacity = Capacity(2, max_wait=0.1, guaranteed={"enterprise": 0.5}, shared=True)
    backend = Backend("gpu", address, "m", capacity=capacity)
    slots = [ledger.shares(), ledger.shares()]
    gateways = [
        Dispatcher(HttptoolsTransport(), retry=RetryPolicy(rounds=0), slots=share)
        for share in slots
    ]
    one, two = gateways
    free, paid = Priority(tier="free"), Priority(tier="enterprise")
    async with one.open([backend], chat(), "r1", free):
        with pytest.raises(Overloaded):  # the other slot is enterprise's, in every gateway
            async with two.open([backend], chat(), "r2", free):
                pass
        async with two.open([backend], chat(), "r3", paid) as upstream:
            assert upstream.backend is backend
    while True:  # given back when the answers have ended
        try:
            async with two.open([backend], chat(), "r4", free):
                break
        except Overloaded:
            continue
    for gateway, share in zip(gateways, slots, strict=True):
        await gateway.close()
        await share.close()
