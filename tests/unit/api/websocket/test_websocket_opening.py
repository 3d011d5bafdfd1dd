"""Who may open a WebSocket, and where; what is refused is refused over HTTP."""

import asyncio
import json
from typing import Any

import pytest
from fakes.connection import connect
from fakes.websocket import KEY, Answering, FakeWebSocket

from router.api.cors import ANY, Cors

PAGE = "https://app.example"
OFFER = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
    "Authorization": KEY,
}


def refused(client: FakeWebSocket) -> tuple[int, dict[str, Any]]:
    """The status, and the error as OpenAI's clients expect it."""
    assert client.edge is None
    assert client.socket.half_closed
    response = client.response
    return response.status_code, json.loads(response.body)["error"]


def offered(headers: dict[str, str], path: str = "/v1/responses") -> bytes:
    """What comes back for an offer with these headers."""
    http, socket = connect(Answering())
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    http.data_received(f"GET {path} HTTP/1.1\r\nHost: gateway\r\n{lines}\r\n".encode())
    return socket.sent


@pytest.mark.parametrize(
    "path", ["/v1/responses", "/responses", "/openai/v1/responses", "/v1/responses?api-version=1"]
)
async def test_a_websocket_opens_wherever_responses_are_asked(path):
    client = FakeWebSocket(Answering(), path=path)
    assert client.response.status_code == 101
    assert len(client.response.headers["x-request-id"]) == 32
    client.create()
    assert (await client.answer())[-1]["type"] == "response.completed"


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer tk-wrong"}])
async def test_without_a_known_key_none_opens(headers):
    status, error = refused(FakeWebSocket(Answering(), headers))
    assert (status, error["code"]) == (401, "invalid_api_key")


@pytest.mark.parametrize("name", ["api-key", "x-api-key"])
async def test_a_key_may_stand_where_it_may_for_requests(name):
    assert FakeWebSocket(Answering(), {name: "tk-known"}).response.status_code == 101


async def test_a_path_without_the_mode_says_where_there_is_one():
    status, error = refused(FakeWebSocket(Answering(), path="/v1/chat/completions"))
    assert status == 400
    assert "/v1/chat/completions; there is at /v1/responses" in error["message"]


@pytest.mark.parametrize(
    ("cors", "origin", "opens"),
    [
        (None, PAGE, False),
        (None, "http://gateway", True),  # what some clients send that are no browsers
        (Cors(frozenset({PAGE})), PAGE, True),
        (Cors(frozenset({PAGE})), "https://other.example", False),
        (Cors(frozenset({PAGE})), "null", False),
        (Cors(frozenset({ANY})), "https://other.example", True),
    ],
)
async def test_a_page_may_open_one_where_it_may_call(cors, origin, opens):
    client = FakeWebSocket(Answering(cors=cors), {"Authorization": KEY, "Origin": origin})
    if opens:
        assert client.response.status_code == 101
    else:
        status, error = refused(client)
        assert (status, error["code"]) == (403, "origin_not_allowed")
        assert "`cors.origins`" in error["message"]


@pytest.mark.parametrize(
    "wrong", [{"Sec-WebSocket-Version": "8"}, {"Sec-WebSocket-Key": "short"}], ids=str
)
async def test_an_offer_that_is_not_one_is_a_400(wrong):
    sent = offered(OFFER | wrong)
    assert sent.startswith(b"HTTP/1.1 400 ")
    assert b"sec-websocket-version: 13" in sent


async def test_an_offer_that_a_proxy_broke_is_told_so():
    http, socket = connect(Answering())
    kept = {name: OFFER[name] for name in OFFER if name not in ("Connection", "Upgrade")}
    lines = "".join(f"{name}: {value}\r\n" for name, value in kept.items())
    http.data_received(f"GET /v1/responses HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode())
    for task in list(http.tasks):
        await task
    assert socket.sent.startswith(b"HTTP/1.1 426 ")
    assert b"proxy" in socket.sent


@pytest.mark.parametrize("path", ["/v1/nothing", "//"])
async def test_an_offer_for_what_is_not_there_is_a_request_like_any_other(path):
    assert not offered(OFFER, path).startswith(b"HTTP/1.1 101")


async def test_frames_that_come_with_the_offer_are_read():
    client = FakeWebSocket(Answering())
    first = client.frames
    first.send_text(b'{"type":"response.create","model":"auto","input":"Hi"}')
    frames = b"".join(first.data_to_send())
    http, socket = connect(Answering())
    lines = "".join(f"{name}: {value}\r\n" for name, value in OFFER.items())
    http.data_received(f"GET /v1/responses HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode() + frames)
    for task in list(http.server_state.tasks):
        await task
    assert b"response.completed" in socket.sent


async def test_a_connection_that_served_requests_may_be_opened_too():
    http, socket = connect(Answering())
    http.data_received(b"GET /v1/responses HTTP/1.1\r\nHost: x\r\n\r\n")
    for task in list(http.tasks):
        await task
    assert socket.sent.startswith(b"HTTP/1.1 405 ")
    lines = "".join(f"{name}: {value}\r\n" for name, value in OFFER.items())
    http.data_received(f"GET /v1/responses HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode())
    assert b"HTTP/1.1 101 " in socket.sent
    assert http.timeout_keep_alive_task is None


async def test_an_offer_behind_a_request_that_is_still_served_is_declined():
    http, socket = connect(Answering())
    lines = "".join(f"{name}: {value}\r\n" for name, value in OFFER.items())
    offer = f"GET /v1/responses HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode()
    body = b'{"model":"auto","input":"Hi"}'
    head = b"POST /v1/responses HTTP/1.1\r\nHost: x\r\n"
    head += b"Authorization: %b\r\nContent-Length: %d\r\n\r\n"
    http.data_received(head % (KEY.encode(), len(body)) + body + offer)
    while tasks := list(http.tasks):
        await asyncio.wait(tasks)
        await asyncio.sleep(0)
    assert socket.sent.startswith(b"HTTP/1.1 200 ")
    assert b"HTTP/1.1 426 " in socket.sent
    assert socket.protocol is None


async def test_no_extension_is_agreed_to():
    sent = offered(OFFER | {"Sec-WebSocket-Extensions": "permessage-deflate"})
    assert sent.startswith(b"HTTP/1.1 101 ")
    assert b"extensions" not in sent.lower()
