"""What browsers are told: exact origins, and nothing where none is named."""

import asyncio

import httpx
import pytest
from fakes.backends import DONE, FakeUpstream, chunk, whole
from fakes.caller import FakeCaller
from fakes.connection import HttpAnswer, connect, read_answer
from fakes.corridor import FakeCorridor
from fakes.gateway import FakeGateway

from router.api.cors import EXPOSED, Cors
from router.api.inference import Inference
from router.api.rest import public_application
from router.domain import Usage
from router.errors import UpstreamFailed

APP = "https://app.example.com"
KEY = {"Authorization": "Bearer tk-known"}
ASKS = {
    "Origin": APP,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization, content-type, x-stainless-lang",
}
NAMED = Cors(frozenset({APP, "http://localhost:3000"}))
PATHS = ["/v1/chat/completions", "/v1/messages", "/v1/models", "/v1/nothing"]


def gateway(cors: Cors | None, *script) -> FakeGateway:
    made = FakeGateway(FakeCorridor.answering(*script))
    made.gateway.cors = cors
    return made


async def answer_of(cors: Cors | None, *script, method="POST", raw=b"", **headers) -> HttpAnswer:
    """What a client of the inference edge gets."""
    inference = Inference(gateway(cors, *script).gateway)
    connection, client = connect(inference)
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in (KEY | fields).items())
    head = f"{method} /v1/chat/completions HTTP/1.1\r\nHost: x\r\n{lines}"
    head += f"Content-Length: {len(raw)}\r\n\r\n"
    connection.data_received(head.encode() + raw)
    await asyncio.gather(*connection.tasks)
    return read_answer(client.sent)


CHAT, STREAM = FakeCaller.asking().raw, FakeCaller.asking(stream=True).raw
ANSWER = FakeUpstream(body=whole(), usage=Usage(1, 1))
BLOCKS = (chunk("One"), DONE)
KINDS = {
    "answer": (CHAT, ANSWER),
    "stream": (STREAM, FakeUpstream(blocks=BLOCKS, usage=Usage(1, 1))),
    "refused": (b"{", ANSWER),
    "failed": (CHAT, UpstreamFailed("none")),
    "fault": (CHAT, RuntimeError("ours")),
}


@pytest.mark.parametrize(("raw", "script"), KINDS.values(), ids=KINDS.keys())
async def test_a_page_may_read_every_answer_that_it_gets(raw, script):
    answer = await answer_of(NAMED, script, raw=raw, Origin=APP)
    assert answer.headers["access-control-allow-origin"] == APP
    assert answer.headers["vary"] == "origin"
    assert "x-turnout-decision" in answer.headers["access-control-expose-headers"]
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("kind", ["answer", "stream"])
async def test_every_header_of_ours_is_exposed(kind):
    raw, script = KINDS[kind]
    answer = await answer_of(NAMED, script, raw=raw, Origin=APP)
    ours = {name for name in answer.headers if name.startswith(("x-", "request-id", "retry"))}
    assert ours - {"x-accel-buffering"} <= set(EXPOSED)
    assert len(set(EXPOSED)) == len(EXPOSED)


@pytest.mark.parametrize("origin", ["https://other.example.com", APP + ".evil.com", "null"])
async def test_a_page_of_another_origin_may_read_nothing(origin):
    answer = await answer_of(NAMED, ANSWER, raw=CHAT, Origin=origin)
    assert answer.status == 200
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert answer.headers["vary"] == "origin"


async def test_nothing_is_said_to_browsers_unless_the_operator_says_so():
    answer = await answer_of(None, ANSWER, raw=CHAT, Origin=APP)
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert "vary" not in answer.headers


async def test_any_origin_is_a_star_that_needs_no_vary():
    anybody = Cors(frozenset({"*"}))
    answer = await answer_of(anybody, ANSWER, raw=CHAT, Origin="https://wherever.example")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "vary" not in answer.headers


async def test_credentials_are_allowed_to_named_origins_only():
    with_credentials = Cors(frozenset({APP}), credentials=True)
    answer = await answer_of(with_credentials, ANSWER, raw=CHAT, Origin=APP)
    assert answer.headers["access-control-allow-credentials"] == "true"
    with pytest.raises(ValueError, match="named"):
        Cors(frozenset({"*"}), credentials=True)


async def _preflight(path: str, cors: Cors | None, headers: dict[str, str]) -> httpx.Response:
    """Ask as a browser does, at inference or behind it."""
    if path.startswith(("/v1/chat", "/v1/messages")):
        inference = Inference(gateway(cors).gateway)
        connection, client = connect(inference)
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        connection.data_received(f"OPTIONS {path} HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode())
        await asyncio.gather(*connection.tasks)
        head = client.sent.partition(b"\r\n\r\n")[0].decode().split("\r\n")
        told = dict(line.split(": ", 1) for line in head[1:])
        return httpx.Response(int(head[0].split()[1]), headers=told)
    application = public_application(gateway(cors).gateway)
    transport = httpx.ASGITransport(app=application)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        return await client.options(path, headers=headers)


@pytest.mark.parametrize("path", PATHS)
async def test_a_browser_that_asks_is_answered_without_a_key(path):
    answer = await _preflight(path, NAMED, ASKS)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == APP
    assert "POST" in answer.headers["access-control-allow-methods"]
    asked = ASKS["Access-Control-Request-Headers"]
    assert answer.headers["access-control-allow-headers"] == asked
    assert answer.headers["access-control-max-age"] == "600"
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize("path", PATHS)
async def test_a_browser_that_asks_for_another_origin_gets_no_word_of_it(path):
    answer = await _preflight(path, NAMED, ASKS | {"Origin": "https://evil.example"})
    assert answer.status_code == 204
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize("path", PATHS[:3])
@pytest.mark.parametrize("headers", [{}, ASKS], ids=["plain", "preflight"])
async def test_without_the_setting_a_client_that_asks_is_told_the_methods_alone(path, headers):
    answer = await _preflight(path, None, headers)
    assert answer.status_code == 204
    assert "OPTIONS" in answer.headers["allow"]
    assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_names_that_would_split_the_answer_are_not_said_again():
    headers = {b"origin": APP.encode(), b"access-control-request-method": b"POST"}
    names = {b"access-control-request-headers": b"x\r\nset-cookie: a"}
    told = dict(NAMED.preflight(headers | names) or ())
    assert "access-control-allow-headers" not in told


async def test_the_models_may_be_read_by_a_page_too():
    application = public_application(gateway(NAMED).gateway)
    transport = httpx.ASGITransport(app=application)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        for headers, status in ((KEY, 200), ({}, 401)):
            answer = await client.get("/v1/models", headers=headers | {"Origin": APP})
            assert answer.status_code == status
            assert answer.headers["access-control-allow-origin"] == APP
