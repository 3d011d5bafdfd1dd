"""What every client of backends sends, where to, and nothing besides."""

import pytest
from rawserver import raw_server, writes
from transport_calls import OK, PATIENT, QUICK, call, whole
from transports import Client, NewTransport

from router.backends.transport.transport import ConnectFailed, HttpCall, Target, TransportError


async def test_a_credential_with_a_line_break_adds_no_header(
    transport: Client,
) -> None:
    async with raw_server(writes(OK)) as server:
        with pytest.raises(TransportError, match="line break"):
            await transport.send(call(server, authorization="Bearer a\r\nx-evil: 1"))
        assert server.requests == 0


async def test_a_large_body_arrives_whole(transport: Client) -> None:
    async with raw_server(writes(OK, then="stay")) as server:
        asked = call(server, body=b"x" * 3_000_000)
        assert await whole(await transport.send(asked)) == b"hi"


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/v1", "http://", "http://127.0.0.1:99999/v1"])
async def test_an_address_that_is_none_is_said_so(transport: Client, url: str) -> None:
    with pytest.raises(TransportError):
        await transport.send(HttpCall(Target(url, ()), b"", QUICK))


async def test_an_unknown_host_and_a_closed_port_are_told_apart(
    transport: Client,
) -> None:
    async with raw_server(writes(b"")) as server:
        gone = call(server)
    with pytest.raises(ConnectFailed, match="refused"):
        await transport.send(gone)
    with pytest.raises(ConnectFailed, match="unknown host"):
        await transport.send(HttpCall(Target("http://turnout.invalid/v1", ()), b"", PATIENT))


async def test_a_client_alone_does_not_read_the_environment(
    new_transport: NewTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    transport = new_transport()
    async with raw_server(writes(OK, then="stay")) as server:
        assert await whole(await transport.send(call(server))) == b"hi"
    await transport.close()


async def test_nothing_is_sent_but_what_the_call_says(transport: Client) -> None:
    async with raw_server(writes(OK, then="stay")) as server:
        asked = HttpCall(
            Target(f"{server.base_url}/chat", (("Accept-Encoding", "identity"),)),
            b"{}",
            PATIENT,
            "r1",
            (("X-Beta", "on"),),
        )
        await whole(await transport.send(asked))
        lines = server.head.decode().lower().split("\r\n")
        host = server.base_url.removeprefix("http://").removesuffix("/v1")
        assert lines[0] == "post /v1/chat http/1.1"
        assert sorted(filter(None, lines[1:])) == [
            "accept-encoding: identity",
            "content-length: 2",
            f"host: {host}",
            "x-beta: on",
            "x-request-id: r1",
        ]


@pytest.mark.parametrize(
    ("method", "body", "length"),
    [
        *(("GET", b"", None), ("DELETE", b"", None), ("DELETE", b"{}", "2")),
        *(("PUT", b"", "0"), ("PATCH", b"{}", "2"), ("POST", b"", "0")),
    ],
)
async def test_other_methods_say_the_length_of_a_body_where_they_may_have_one(
    transport: Client, method: str, body: bytes, length: str | None
) -> None:
    async with raw_server(writes(OK, then="stay")) as server:
        target = Target(f"{server.base_url}/jobs/7?x=%2e", (), method, once=True)
        for _ in range(2):
            assert await whole(await transport.send(HttpCall(target, body, PATIENT))) == b"hi"
        first, *lines = server.head.decode().lower().split("\r\n")
        assert first == f"{method.lower()} /v1/jobs/7?x=%2e http/1.1"
        sizes = [line for line in lines if line.startswith("content-length: ")]
        assert sizes == ([] if length is None else [f"content-length: {length}"])
        assert server.connections == 1


@pytest.mark.parametrize("header", ["a\r\nx-evil: 1", "a\nb", "a\rb"])
async def test_a_header_of_one_call_adds_no_line_either(transport: Client, header: str) -> None:
    async with raw_server(writes(OK)) as server:
        asked = HttpCall(Target(server.base_url, ()), b"{}", PATIENT, "r1", (("X-A", header),))
        with pytest.raises(TransportError, match="line break"):
            await transport.send(asked)
        assert server.requests == 0
