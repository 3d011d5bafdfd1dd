"""Bad input over a real socket: a 4xx in OpenAI's envelope, never a 500, never silence."""

import gzip
import json
import socket
import zlib

import httpx
import patience
import pytest
from backports import zstd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

PATH = "/chat/completions"
GOOD = {"model": "premium", "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture(scope="module")
def post(gateway):
    client = httpx.Client(timeout=patience.LONGEST_SECONDS)

    def send(content: bytes, **headers: str) -> httpx.Response:
        fields = {"authorization": f"Bearer {gateway.key('enterprise')}", **headers}
        return client.post(gateway.url + PATH, content=content, headers=fields)

    with client:
        yield send


def _is_envelope(response: httpx.Response) -> bool:
    error = response.json()["error"]
    return set(error) == {"message", "type", "param", "code"} and bool(error["message"])


ONE = '"messages": [{"role": "user", "content": "x"}]'
BODIES = {
    "empty": b"",
    "not json": b"{",
    "array at the root": b"[]",
    "trailing garbage": b'{"model": "auto", "messages": []} x',
    "byte order mark": b"\xef\xbb\xbf{}",
    "utf-16": json.dumps(GOOD).encode("utf-16"),
    "invalid utf-8": b'{"model": "\xff"}',
    "nul": b"\x00",
    "NaN": b'{"model": "auto", "messages": [], "temperature": NaN}',
    "very deep": b'{"a":' * 100_000,
    "deep and closed": b'{"model": "auto", "messages": ' + b"[" * 5000 + b"]" * 5000 + b"}",
    "model twice": f'{{"model": "local", "model": "premium", {ONE}}}'.encode(),
    "model with a line break": f'{{"model": "a\\r\\nx: y", {ONE}}}'.encode(),
    "messages of the wrong type": b'{"model": "auto", "messages": "hi"}',
    "n of the wrong type": f'{{"model": "auto", {ONE}, "n": "many"}}'.encode(),
    "huge max_tokens": f'{{"model": "auto", {ONE}, "max_tokens": 1e400}}'.encode(),
    "another address": f'{{"model": "auto", {ONE}, "base_url": "http://x"}}'.encode(),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_a_wrong_body_is_a_400_in_the_envelope(post, body):
    response = post(body)
    assert response.status_code == 400
    assert _is_envelope(response)
    assert "Traceback" not in response.text


@settings(
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(
    st.one_of(
        st.binary(max_size=300),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
            lambda inner: (
                st.lists(inner, max_size=4)
                | st.dictionaries(
                    st.sampled_from(
                        ["model", "messages", "role", "content", "tools", "n", "stream"]
                    )
                    | st.text(max_size=8),
                    inner,
                    max_size=6,
                )
            ),
            max_leaves=20,
        ).map(lambda value: json.dumps(value).encode()),
    )
)
def test_no_body_whatever_makes_a_500(post, body):
    response = post(body)
    assert response.status_code in (400, 404)
    assert _is_envelope(response)


def test_a_body_over_the_limit_is_a_413_whether_announced_or_not(post, gateway):
    too_much = b'{"model": "' + b"a" * 2_000_000
    assert post(too_much).status_code == 413

    def parts():
        for _ in range(40):
            yield b"x" * 50_000

    response = patience.post(
        gateway.url + PATH,
        content=parts(),
        headers={"authorization": f"Bearer {gateway.key('enterprise')}"},
    )
    assert response.status_code == 413
    assert _is_envelope(response)


BRIEF = json.dumps(GOOD | {"max_tokens": 3}).encode()
CODED = {
    "gzip": gzip.compress(BRIEF),
    "x-gzip": gzip.compress(BRIEF),
    "deflate": zlib.compress(BRIEF),
    "zstd": zstd.compress(BRIEF),
    "identity": BRIEF,
}


@pytest.mark.parametrize(("coding", "body"), CODED.items(), ids=CODED.keys())
def test_a_compressed_body_is_read(post, coding, body):
    response = post(body, **{"content-encoding": coding})
    assert response.status_code == 200
    assert response.json()["usage"]["prompt_tokens"] > 0


@pytest.mark.parametrize("coding", ["br", "gzip, gzip", "compress", "\xe9"])
def test_a_coding_that_is_not_taken_is_a_415_that_says_which_are(post, coding):
    response = post(BRIEF, **{"content-encoding": coding.encode("latin-1")})
    assert response.status_code == 415
    assert _is_envelope(response)
    assert response.headers["accept-encoding"] == "gzip, deflate, zstd"


def test_a_body_that_inflates_beyond_the_limit_is_a_413(post):
    bomb = gzip.compress(b" " * 100_000_000, 1)
    response = post(bomb, **{"content-encoding": "gzip"})
    assert response.status_code == 413
    assert "inflated" in response.json()["error"]["message"]


CUT = gzip.compress(BRIEF)[:-9]


@pytest.mark.parametrize("body", [b"", b"not gzip", CUT], ids=["empty", "noise", "cut"])
def test_a_body_that_is_not_of_its_coding_is_a_400(post, body):
    response = post(body, **{"content-encoding": "gzip"})
    assert response.status_code == 400
    assert _is_envelope(response)


def test_nothing_is_inflated_for_a_stranger(gateway):
    fields = {"content-encoding": "gzip", "authorization": "Bearer tk-wrong"}
    response = patience.post(gateway.url + PATH, content=b"not gzip", headers=fields)
    assert response.status_code == 401


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Basic dXNlcjpwYXNz", "Bearer tk-" + "x" * 43, "Bearer \xe9" * 9],
)
def test_every_wrong_key_gets_the_same_401_and_is_not_echoed(gateway, authorization):
    headers = [(b"authorization", authorization.encode("latin-1"))] if authorization else []
    response = patience.post(gateway.url + PATH, json=GOOD, headers=headers)
    assert response.status_code == 401
    assert _is_envelope(response)
    assert "xxxx" not in response.text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/embeddings", 405),
        ("PUT", "/v1/chat/completions", 405),
        ("DELETE", "/v1/models", 405),
        ("POST", "/v1//chat/completions", 404),
        ("POST", "/v1/chat/completions//", 404),
        ("POST", "/v1/v1/chat/completions", 404),
        ("POST", "/v1/%65mbeddings", 404),
        ("POST", "/v1/chat/%63ompletions", 405),  # it is where kept chats are listed, and no more
        ("POST", "/v1/chat/completions/../completions", 404),
        ("POST", "/v1/Chat/Completions", 404),
        ("POST", "/v1/models", 405),
        ("GET", "/", 404),
        ("GET", "/docs", 404),
    ],
)
def test_only_the_exact_path_and_method_are_served(gateway, method, path, status):
    reply = _raw(gateway, f"{method} {path} HTTP/1.1\r\nHost: x/#@y\r\nConnection: close\r\n\r\n")
    assert reply.split(b" ", 2)[1] == str(status).encode()
    if method != "HEAD":
        assert json.loads(reply.partition(b"\r\n\r\n")[2])["error"]["message"]


def _raw(gateway, request: str) -> bytes:
    with socket.create_connection(gateway.address, patience.LONGEST_SECONDS) as connection:
        connection.sendall(request.encode())
        parts = []
        while data := connection.recv(65536):
            parts.append(data)
    return b"".join(parts)


def test_a_request_id_of_the_client_is_kept_if_it_is_harmless_and_replaced_if_not(post):
    good = json.dumps({**GOOD, "max_tokens": 1}).encode()
    assert post(good, **{"x-request-id": "app-17.b"}).headers["x-request-id"] == "app-17.b"
    assert post(good, **{"x-request-id": "a b<script>"}).headers["x-request-id"] != "a b<script>"


def test_health_and_metrics_answer_without_a_key(gateway):
    root = gateway.url.removesuffix("/v1")
    assert patience.get(root + "/livez").json() == {"status": "ok"}
    ready = patience.get(root + "/readyz")
    assert ready.status_code == 200
    assert ready.json()["ledger"] == "ok"
    text = patience.get(root + "/metrics").text
    assert "turnout_requests_total{" in text
    assert gateway.key("enterprise") not in text
