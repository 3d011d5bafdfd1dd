"""HTTP itself, over a raw socket: what clients and attackers do that no client library does."""

import http.client
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


HEADS = {
    PATH: 405,
    "/v1/messages/": 405,
    "/livez": 200,
    "/health": 200,
    "/readyz": 200,
    "/v1/models": 401,
    "/v1/nothing": 404,
}


@pytest.mark.parametrize(("path", "status"), HEADS.items())
def test_a_head_request_gets_the_head_alone(gateway, path, status):
    with _connect(gateway) as connection:
        head = f"HEAD {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        connection.sendall(head.encode())
        head, _, body = _to_the_end(connection).partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert (b"allow: POST, " in head) is (status == 405)
    assert body == b""


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        (PATH, b"POST, GET, OPTIONS"),
        ("/chat/completions/", b"POST, GET, OPTIONS"),
        ("/v1/messages", b"POST, OPTIONS"),
        ("/v1/models", b"GET, HEAD, OPTIONS"),
        ("/health", b"GET, HEAD, OPTIONS"),
    ],
)
def test_an_options_request_is_told_the_methods(gateway, path, allow):
    with _connect(gateway) as connection:
        connection.sendall(f"OPTIONS {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        reply = _until(connection, b"\r\n\r\n")
        assert reply.startswith(b"HTTP/1.1 204 ")
        assert b"allow: " + allow in reply
        connection.sendall(_request(gateway, Connection="close"))  # nothing is left of it
        assert _to_the_end(connection).startswith(b"HTTP/1.1 200 OK")


def test_a_client_that_sends_a_body_that_is_too_large_reads_why(gateway):
    content = b" " * 40_000_000
    for _ in range(10):
        client = http.client.HTTPConnection(*gateway.address, timeout=LONGEST_SECONDS)
        headers = {"authorization": f"Bearer {gateway.key('enterprise')}"}
        client.request("POST", PATH, content, headers)  # all of it, whatever is answered meanwhile
        answer = client.getresponse()
        assert answer.status == 413
        assert json.loads(answer.read())["error"]["code"] == "payload_too_large"
        client.close()


@pytest.mark.parametrize("path", ["/v1/evals", "/v1/models"])
def test_a_large_body_that_nobody_wants_does_not_take_the_answer_away(gateway, path):
    client = http.client.HTTPConnection(*gateway.address, timeout=LONGEST_SECONDS)
    client.request("POST", path, b" " * 40_000_000, {"connection": "close"})
    answer = client.getresponse()
    assert answer.status in (404, 405)
    assert json.loads(answer.read())["error"]["message"]
    client.close()


@pytest.mark.parametrize("key", ["tk-wrong", ""])
def test_a_stranger_that_sends_a_large_body_reads_why_it_is_refused(gateway, key):
    client = http.client.HTTPConnection(*gateway.address, timeout=LONGEST_SECONDS)
    client.request("POST", PATH, b" " * 40_000_000, {"authorization": f"Bearer {key}"})
    answer = client.getresponse()
    assert answer.status == 401
    assert json.loads(answer.read())["error"]["code"] == "invalid_api_key"
    client.close()


@pytest.mark.parametrize("path", [PATH, "/v1/models"])
def test_what_is_not_http_behind_a_request_does_not_cost_it_its_answer(gateway, path):
    models = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {gateway.key('enterprise')}"
    request = _request(gateway) if path == PATH else f"{models}\r\n\r\n".encode()
    with _connect(gateway) as connection:
        connection.sendall(request + b"what is this?\r\n\r\n" + request)
        reply = _to_the_end(connection)
    assert reply.startswith(b"HTTP/1.1 200 OK")
    assert reply.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_ends_its_half_of_the_connection_gets_its_answer(gateway, version, stream):
    with _connect(gateway) as connection:
        request = {"stream": stream, "model": "premium", "max_tokens": 30}
        connection.sendall(_request(gateway, request, version=version))
        connection.shutdown(socket.SHUT_WR)
        reply = _to_the_end(connection)
    assert b"HTTP/1.1 200 OK" in reply
    assert (b"[DONE]" if stream else b'"usage"') in reply


def test_a_client_that_ends_its_half_is_answered_by_everything_else_too(gateway):
    for path in ("/livez", "/v1/models", "/v1/nothing"):
        with _connect(gateway) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            connection.shutdown(socket.SHUT_WR)
            assert _to_the_end(connection).startswith(b"HTTP/1.1 ")


async def test_a_client_that_leaves_while_it_waits_for_a_whole_answer_ends_what_runs(gateway):
    before = gateway.counts()
    with _connect(gateway) as connection:
        connection.sendall(_request(gateway, {"model": "stalls"}))
        stalls = 'turnout_backend_in_flight{backend="stalls"}'
        gateway.until(lambda: gateway.counts().get(stalls) == 1)
    counts = await gateway.until_idle("stalls")
    left = [name for name in counts if "499" in name and counts[name] > before.get(name, 0)]
    assert left


def test_a_client_of_http_1_0_that_would_keep_its_connection_sees_where_a_stream_ends(gateway):
    with _connect(gateway) as connection:
        keeps = {"version": "1.0", "Connection": "keep-alive"}
        connection.sendall(_request(gateway, {"stream": True}, **keeps))
        head, _, body = _to_the_end(connection).partition(b"\r\n\r\n")
        assert b"connection: close" in head
        assert body.endswith(b"data: [DONE]\n\n")
    with _connect(gateway) as connection:
        connection.sendall(_request(gateway, **keeps))
        assert b"connection: keep-alive" in _until(connection, b'"usage"')
        connection.sendall(_request(gateway, version="1.0"))
        assert _to_the_end(connection).count(b"HTTP/1.1 200 OK") == 1


UNKNOWN = [
    "POST /v1/nothing",
    "GET /v1/chat",
    "PATCH /",
    "GET /v1/evals",
    "POST /v1/messages/x",
]


@pytest.mark.parametrize("asked", UNKNOWN)
def test_an_unknown_path_is_told_as_such(gateway, asked):
    with _connect(gateway) as connection:
        connection.sendall(f"{asked} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        head, _, body = _to_the_end(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 404 ")
    error = json.loads(body)["error"]
    assert asked in error["message"]
    if "messages" in asked:
        assert (json.loads(body)["type"], error["type"]) == ("error", "not_found_error")
    else:
        assert (error["type"], error["code"]) == ("invalid_request_error", "unknown_url")


REFUSED = {
    "another method": b"GET /v1/messages HTTP/1.1\r\nHost: x\r\n\r\n",
    "no key": b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}",
    "nothing there": b"POST /v1/messages/x HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}",
    "no HTTP": b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n",
    "another coding": b"POST /v1/messages/count_tokens HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
    b"Content-Encoding: br\r\nX-Api-Key: %b\r\n\r\n{}",
    "too large": b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n"
    b"X-Api-Key: %b\r\n\r\n",
    "of models": b"GET /v1/models HTTP/1.1\r\nHost: x\r\nAnthropic-Version: 2023-06-01\r\n\r\n",
}
KINDS = {
    "another method": "invalid_request_error",
    "no key": "authentication_error",
    "nothing there": "not_found_error",
    "no HTTP": "invalid_request_error",
    "another coding": "invalid_request_error",
    "too large": "request_too_large",
    "of models": "authentication_error",
}


@pytest.mark.parametrize(("sent", "kind"), [(REFUSED[k], KINDS[k]) for k in KINDS], ids=[*KINDS])
def test_whatever_goes_wrong_for_anthropics_clients_is_told_in_their_envelope(gateway, sent, kind):
    if b"%b" in sent:
        sent %= gateway.key("enterprise").encode()
    with _connect(gateway) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        head, _, body = _to_the_end(connection).partition(b"\r\n\r\n")
    told = json.loads(body)
    assert (told["type"], told["error"]["type"]) == ("error", kind)
    assert b"\r\nrequest-id: " in head


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS to a port that speaks none
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n"
        b"Content-Length: 2\r\n\r\n",
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n",
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
    [b"GET /" + b"a" * 5_000_000, b"GET / HTTP/1.1\r\nHost: x\r\n" + b"x: y\r\n" * 800_000],
    ids=["target", "headers"],
)
def test_a_head_without_an_end_is_not_read_to_its_end(gateway, sent):

    def send_and_wait(connection: socket.socket) -> None:
        connection.sendall(sent)
        _until(connection, b"no such thing is ever answered")

    with _connect(gateway) as connection, pytest.raises(ConnectionError):
        send_and_wait(connection)
