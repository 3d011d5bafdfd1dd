"""A backend behind TLS is who its address says, or is not spoken to."""

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
import trustme
from rawserver import RawServer, raw_server, writes
from transports import NewTransport

from router.ask import Ask
from router.backends.backend import Backend
from router.backends.dispatch.dispatch import Dispatcher
from router.backends.dispatch.retry import RetryPolicy
from router.errors import UpstreamFailed

Chat = Callable[..., Ask]
BODY = b'{"model":"m","choices":[]}'
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(BODY), BODY)


@asynccontextmanager
async def secured(
    new_transport: NewTransport, host: str, *, until: datetime | None = None
) -> AsyncIterator[tuple[Dispatcher, RawServer]]:
    """A server with a certificate for `host`, and a dispatcher that trusts who signed it."""
    authority = trustme.CA()
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(host, not_after=until).configure_cert(serving)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    retry = RetryPolicy(rounds=0, saved=0.0)
    dispatcher = Dispatcher(new_transport(tls=trusting), retry=retry)
    async with raw_server(writes(ANSWER, then="stay"), tls=serving) as server:
        yield dispatcher, server
        await dispatcher.close()


async def body_from(dispatcher: Dispatcher, server: RawServer, request: Ask) -> bytes:
    backend = Backend("b", server.base_url, "m", api_key="k")
    async with dispatcher.open([backend], request, "r1") as upstream:
        return upstream.body


async def test_a_good_certificate_is_served(new_transport: NewTransport, chat: Chat) -> None:
    async with secured(new_transport, "127.0.0.1") as (dispatcher, server):
        assert await body_from(dispatcher, server, chat()) == BODY


async def test_a_certificate_for_another_host_is_refused(
    new_transport: NewTransport, chat: Chat
) -> None:
    async with secured(new_transport, "elsewhere.example") as (dispatcher, server):
        with pytest.raises(UpstreamFailed, match="TLS"):
            await body_from(dispatcher, server, chat())
        assert server.requests == 0


async def test_an_expired_certificate_is_refused(new_transport: NewTransport, chat: Chat) -> None:
    past = datetime.now(UTC) - timedelta(days=1)
    async with secured(new_transport, "127.0.0.1", until=past) as (dispatcher, server):
        with pytest.raises(UpstreamFailed, match="TLS"):
            await body_from(dispatcher, server, chat())
        assert server.requests == 0
