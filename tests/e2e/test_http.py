"""HTTP itself, over a raw socket: what clients and attackers do that no client library does."""

import json
import socket

import pytest
from patience import LONGEST_SECONDS

GOOD = {"model": "premium", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 3}
PATH = "/v1/chat/completions"


def _request(gateway, body: dict | None = None, *, version: str = "1.1", **fields: str) -> bytes:
    content = json.dumps(GOOD | (body or {})).encode()
    lines = {
        "Host": "x",
        "Authorization": f"Bearer {gateway.key('enterprise')}",
        "Content-Length": str(len(content)),
        **{name.replace("_", "-"): value for name, value in fields.items()},
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {PATH} HTTP/{version}\r\n{head}\r\n".encode() + content


def _connect(gateway) -> socket.socket:
    return socket.create_connection(gateway.address, LONGEST_SECONDS)


def _to_the_end(connection: socket.socket) -> bytes:
    parts = []
    while data := connection.recv(65536):
        parts.append(data)
    return b"".join(parts)


def _until(connection: socket.socket, mark: bytes) -> bytes:
    seen = b""
    while mark not in seen:
        data = connection.recv(65536)
        if not data:
            raise ConnectionError(seen)
        seen += data
    return seen


def test_pipelined_requests_are_answered_in_their_order(gateway):
    with _connect(gateway) as connection:
        first = _request(gateway, x_request_id="first")
        models = (
            f"GET /v1/models HTTP/1.1\r\nHost: x\r\n"
            f"Authorization: Bearer {gateway.key('enterprise')}\r\n\r\n"
        ).encode()
        last = _request(gateway, x_request_id="last", Connection="close")
        connection.sendall(first + models + last)
        reply = _to_the_end(connection)
    assert reply.count(b"HTTP/1.1 200 OK") == 3
    places = [reply.index(mark) for mark in (b"request-id: first", b'"list"', b"request-id: last")]
    assert places == sorted(places)


def test_a_client_that_waits_for_100_continue_is_told_to_go_on(gateway):
    head, _, content = _request(gateway, Expect="100-continue", Connection="close").partition(
        b"\r\n\r\n"
    )
    with _connect(gateway) as connection:
        connection.sendall(head + b"\r\n\r\n")
        assert _until(connection, b"\r\n\r\n").startswith(b"HTTP/1.1 100 Continue")
        connection.sendall(content)
        assert _to_the_end(connection).startswith(b"HTTP/1.1 200 OK")


def test_a_body_in_small_pieces_is_read_whole(gateway):
    whole = _request(gateway, Connection="close")
    with _connect(gateway) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(whole), 7):
            connection.sendall(whole[start : start + 7])
        assert _to_the_end(connection).startswith(b"HTTP/1.1 200 OK")


def test_a_wrong_key_is_refused_before_the_body_is_there(gateway):
    head = _request(gateway, Authorization="Bearer tk-wrong").partition(b"\r\n\r\n")[0]
    with _connect(gateway) as connection:
        connection.sendall(head + b"\r\n\r\n{")
        assert _until(connection, b'"error"').startswith(b"HTTP/1.1 401")


def test_a_client_of_http_1_0_gets_a_stream_without_chunks_that_ends_with_the_connection(gateway):
    with _connect(gateway) as connection:
        connection.sendall(_request(gateway, {"stream": True}, version="1.0"))
        head, _, body = _to_the_end(connection).partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head
    assert b"connection: close" in head
    assert body.startswith(b"data: {")
    assert body.endswith(b"data: [DONE]\n\n")


def test_an_offer_of_http_2_is_answered_in_http_1(gateway):
    upgrade = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2_Settings": "AAAA"}
    with _connect(gateway) as connection:
        connection.sendall(_request(gateway, **upgrade))
        assert _until(connection, b'"usage"').startswith(b"HTTP/1.1 200 OK")


def test_a_head_request_gets_a_head(gateway):
    with _connect(gateway) as connection:
        connection.sendall(f"HEAD {PATH} HTTP/1.1\r\nConnection: close\r\n\r\n".encode())
        head, _, body = _to_the_end(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 405")
    assert b"allow: POST" in head
    assert body == b""


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS to a port that speaks none
        b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST /v1/chat/completions HTTP/1.1\r\nno colon\r\n\r\n",
    ],
    ids=["tls", "two lengths", "no colon"],
)
def test_what_is_not_http_is_refused_in_the_envelope(gateway, sent):
    with _connect(gateway) as connection:
        connection.sendall(sent)
        head, _, body = _to_the_end(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400")
    assert json.loads(body)["error"]["message"]


@pytest.mark.parametrize(
    "sent",
    [b"GET /" + b"a" * 5_000_000, b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 800_000],
    ids=["target", "headers"],
)
def test_a_head_without_an_end_is_not_read_to_its_end(gateway, sent):

    def send_and_wait(connection: socket.socket) -> None:
        connection.sendall(sent)
        _until(connection, b"no such thing is ever answered")

    with _connect(gateway) as connection, pytest.raises(ConnectionError):
        send_and_wait(connection)
