"""A backend behind a proxy is asked through it, and the proxy learns no more than it has to."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trustme
from faulty_backends import PATIENT, QUICK, Chat
from http2server import Http2Server, certificates, http2_server
from proxyserver import ForwardProxy, forward_proxy
from rawserver import RawServer, raw_server, writes

from router.backends.backend import Backend
from router.backends.dispatch.dispatch import Dispatcher
from router.backends.transport.clients import Clients
from router.backends.transport.httpx_transport import HttpxTransport, NetworkRoute
from router.backends.transport.proxies import EnvironmentProxies
from router.backends.transport.transport import ConnectFailed, HttpCall, Target, TransportError
from router.errors import UpstreamFailed

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"
SECRET = "hunter2"


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture
def serving(authority: trustme.CA) -> ssl.SSLContext:
    return certificate(authority, "127.0.0.1")


@pytest.fixture
async def proxy() -> AsyncIterator[ForwardProxy]:
    async with forward_proxy(ForwardProxy(wants=f"gate:{SECRET}")) as proxy:
        yield proxy


def certificate(authority: trustme.CA, host: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(host).configure_cert(context)
    return context


def with_password(proxy: ForwardProxy, password: str = SECRET) -> str:
    return proxy.url.replace("://", f"://gate:{password}@")


def call(server: RawServer | Http2Server) -> HttpCall:
    headers = (("Authorization", "Bearer sk-backend"),)
    return HttpCall(Target(f"{server.base_url}/chat/completions", headers), b"{}", PATIENT, "r1")


async def body_from(transport: HttpxTransport, server: RawServer | Http2Server) -> bytes:
    answer = await transport.send(call(server))
    pieces = []
    while piece := await answer.read():
        pieces.append(piece)
    answer.close()
    return b"".join(pieces)


async def test_a_plain_backend_is_asked_through_the_proxy(proxy: ForwardProxy) -> None:
    transport = HttpxTransport(route=NetworkRoute(with_password(proxy)))
    async with raw_server(writes(OK)) as server:
        assert await body_from(transport, server) == b"hi"
        assert proxy.lines == [f"POST {server.base_url}/chat/completions HTTP/1.1"]
    await transport.close()


async def test_a_backend_behind_tls_is_asked_through_a_tunnel_that_is_kept(
    proxy: ForwardProxy, serving: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    transport = HttpxTransport(route=NetworkRoute(with_password(proxy)), tls=trusting)
    async with raw_server(writes(OK, then="stay"), tls=serving) as server:
        for _ in range(3):
            assert await body_from(transport, server) == b"hi"
        port = server.base_url.removesuffix("/v1").rpartition(":")[2]
        assert proxy.lines == [f"CONNECT 127.0.0.1:{port} HTTP/1.1"]
        assert (server.requests, server.connections) == (3, 1)
    await transport.close()


async def test_a_proxy_may_be_behind_tls_itself(
    serving: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    async with (
        forward_proxy(tls=serving) as proxy,
        raw_server(writes(OK, then="stay"), tls=serving) as server,
    ):
        transport = HttpxTransport(route=NetworkRoute(proxy.url), tls=trusting)
        for _ in range(2):
            assert await body_from(transport, server) == b"hi"
        assert proxy.connections == 2  # TLS within TLS cannot be looked into: not used again
        await transport.close()
        stranger = HttpxTransport(route=NetworkRoute(proxy.url))
        with pytest.raises(ConnectFailed, match="TLS"):
            await stranger.send(call(server))
        await stranger.close()


async def test_a_certificate_is_checked_through_the_tunnel(
    proxy: ForwardProxy, authority: trustme.CA, trusting: ssl.SSLContext
) -> None:
    transport = HttpxTransport(route=NetworkRoute(with_password(proxy)), tls=trusting)
    elsewhere = certificate(authority, "elsewhere.example")
    async with raw_server(writes(OK), tls=elsewhere) as server:
        with pytest.raises(ConnectFailed, match="TLS"):
            await transport.send(call(server))
        assert server.requests == 0
    await transport.close()


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
async def test_the_credentials_of_a_proxy_go_to_the_proxy_alone(
    proxy: ForwardProxy, serving: ssl.SSLContext, trusting: ssl.SSLContext, secure: bool
) -> None:
    heads: list[bytes] = []

    async def script(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(server.head)
        writer.write(OK)
        writer.close()

    transport = HttpxTransport(route=NetworkRoute(with_password(proxy)), tls=trusting)
    async with raw_server(script, tls=serving if secure else None) as server:
        await body_from(transport, server)
    assert proxy.credentials[0].startswith("Basic ")
    assert b"proxy-authorization" not in heads[0].lower()
    assert b"Bearer sk-backend" in heads[0]
    await transport.close()


@pytest.mark.parametrize("password", [SECRET, "wrong"])
async def test_a_proxy_that_refuses_is_no_connection_and_no_secret_is_told(
    serving: ssl.SSLContext, trusting: ssl.SSLContext, password: str
) -> None:
    refusing = ForwardProxy(wants=f"gate:{SECRET}", refuses=403 if password == SECRET else 0)
    async with forward_proxy(refusing) as proxy, raw_server(writes(OK), tls=serving) as server:
        route = NetworkRoute(with_password(proxy, password))
        transport = HttpxTransport(route=route, tls=trusting)
        with pytest.raises(ConnectFailed, match="proxy") as caught:
            await transport.send(call(server))
        shown = f"{caught.value} {caught.value!r} {route} {route!r} {caught.value.__cause__}"
        assert password not in shown
        assert server.requests == 0
        await transport.close()


async def test_a_proxy_that_is_gone_is_no_connection() -> None:
    async with forward_proxy() as proxy:
        gone = HttpxTransport(route=NetworkRoute(with_password(proxy)))
    async with raw_server(writes(OK)) as server:
        with pytest.raises(ConnectFailed, match="refused") as caught:
            await gone.send(call(server))
        assert SECRET not in str(caught.value)
    await gone.close()


async def test_what_a_proxy_adds_to_an_answer_is_not_the_next_one() -> None:
    adds = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nstolen"
    async with (
        forward_proxy(ForwardProxy(adds=adds)) as proxy,
        raw_server(writes(OK)) as server,
    ):
        transport = HttpxTransport(route=NetworkRoute(proxy.url))
        assert [await body_from(transport, server) for _ in range(3)] == [b"hi"] * 3
        assert proxy.connections == 3
        await transport.close()


async def test_a_backends_own_proxy_is_used_by_the_dispatcher(chat: Chat) -> None:
    body = b'{"model":"m","choices":[]}'
    reply = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
    async with forward_proxy() as proxy, raw_server(writes(reply)) as server:
        dispatcher = Dispatcher(Clients())
        for backend in (
            Backend("proxied", server.base_url, "m", proxy=proxy.url),
            Backend("plain", server.base_url, "m"),
        ):
            async with dispatcher.open([backend], chat(), "r1") as upstream:
                assert upstream.body == body
        assert (len(proxy.lines), server.requests) == (1, 2)
        await dispatcher.close()


async def test_a_reload_that_names_a_proxy_counts_from_then_on(chat: Chat) -> None:
    body = b'{"model":"m","choices":[]}'
    reply = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
    async with forward_proxy() as proxy, raw_server(writes(reply)) as server:
        dispatcher = Dispatcher(Clients())
        for url in (None, proxy.url):
            backend = Backend("b", server.base_url, "m", proxy=url)
            dispatcher.adopt([backend])
            async with dispatcher.open([backend], chat(), "r1"):
                pass
        assert (len(proxy.lines), server.requests) == (1, 2)
        await dispatcher.close()


async def test_a_proxy_of_a_kind_that_is_not_spoken_is_not_gone_around(chat: Chat) -> None:
    proxies = EnvironmentProxies.read({"ALL_PROXY": f"socks5://gate:{SECRET}@127.0.0.1:1080"})
    dispatcher = Dispatcher(Clients(proxies=proxies))
    backend = Backend("b", "http://192.0.2.1/v1", "m", timeouts=QUICK)
    with pytest.raises(UpstreamFailed, match="neither http:// nor https://") as caught:
        async with dispatcher.open([backend], chat(), "r1"):
            pass
    assert SECRET not in caught.value.message
    await dispatcher.close()


async def test_a_proxy_that_says_nothing_is_late(trusting: ssl.SSLContext) -> None:
    async with raw_server(writes(b"", then="silence")) as proxy:
        url = proxy.base_url.removesuffix("/v1")
        transport = HttpxTransport(route=NetworkRoute(url), tls=trusting)
        target = Target("https://192.0.2.1/v1/chat/completions", ())
        with pytest.raises(TransportError, match="in time"):
            await transport.send(HttpCall(target, b"{}", QUICK))
        await proxy.closed.wait()
        await transport.close()


async def test_http2_is_spoken_through_a_tunnel(proxy: ForwardProxy) -> None:
    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"stream %d" % scope["stream"].id})

    serving, trusting = certificates()
    transport = HttpxTransport(route=NetworkRoute(with_password(proxy), http2=True), tls=trusting)
    async with http2_server(application, serving) as server:
        result = [await body_from(transport, server) for _ in range(2)]
        assert result == [b"stream 1", b"stream 3"]
        assert (server.connections, len(proxy.lines)) == (1, 1)
    await transport.close()
