"""An account is asked by its own key, and what fails there is told in words fit for a client."""

import gzip
import time
from collections.abc import Mapping
from typing import Any

import pytest

from router.backends.backend import Backend
from router.backends.dispatch.account import Account, AccountCall
from router.backends.dispatch.reports import Reports
from router.backends.health.breaker import BreakerPolicy
from router.backends.health.health import DeploymentState
from router.backends.transport.transport import (
    ConnectFailed,
    HttpCall,
    TransportError,
    TransportTimeout,
)
from router.errors import (
    Overloaded,
    TurnoutError,
    UpstreamFailed,
    UpstreamRejected,
    UpstreamTimeout,
)

# Cut off; without the hour, so that both workers of a run name the test alike.
CUT = gzip.compress(b"{}", mtime=0)[:-9]
URL, KEY = "https://provider.example/v1", "sk-operator-0123456789abcdef"


class Answer:
    def __init__(
        self, status: int, body: bytes, headers: Mapping[str, str], *, breaks: bool = False
    ) -> None:
        self.status = status
        self.headers = headers
        self._pieces = [body]
        self._breaks = breaks
        self.closed = False

    async def read(self) -> bytes:
        if self._breaks:
            raise TransportError("broke off its answer")
        return self._pieces.pop() if self._pieces else b""

    def header(self, name: str) -> str:
        return self.headers.get(name, "")

    def close(self) -> None:
        self.closed = True


class Client:
    """A transport that answers once."""

    def __init__(self, answer: Answer | TransportError) -> None:
        self.answer = answer
        self.calls: list[HttpCall] = []

    async def send(self, call: HttpCall, place: str = "") -> Any:
        self.calls.append(call)
        if isinstance(self.answer, TransportError):
            raise self.answer
        return self.answer


def _account(answer: Answer | TransportError, dialect: str = "openai") -> tuple[Account, Client]:
    backend = Backend("gpt", URL, "m", dialect, KEY, headers=(("x-team", "ours"),))
    state = DeploymentState(backend.deployments()[0], BreakerPolicy(), lambda: 0.0)
    client = Client(answer)
    state.client, state.authorizer = client, None
    return Account(backend, state, Reports(time.monotonic)), client


def _told(status: int, body: bytes = b"{}", **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, body, named)


async def test_a_call_bears_the_operators_key_and_the_protocols_headers():
    account, client = _account(_told(200, b'{"id":"file-1"}'))
    sent = (("openai-beta", "x"), ("x-team", "theirs"))
    call = AccountCall("/files", "POST", b"{}", "application/json", sent)
    assert await account.ask(call) == b'{"id":"file-1"}'
    (http,) = client.calls
    assert (http.target.url, http.target.method) == (f"{URL}/files", "POST")
    assert ("Authorization", f"Bearer {KEY}") in http.target.headers
    assert http.headers == (("content-type", "application/json"), ("openai-beta", "x"))
    assert client.answer.closed


@pytest.mark.parametrize("sent", [(), (("anthropic-version", "2099-01-01"),)])
async def test_anthropics_servers_are_told_a_version(sent):
    account, client = _account(_told(200), "anthropic")
    await account.ask(AccountCall("/files", headers=sent))
    (http,) = client.calls
    assert ("x-api-key", KEY) in http.target.headers
    assert http.headers == (sent or (("anthropic-version", "2023-06-01"),))


async def test_what_comes_compressed_is_read_as_if_it_had_not():
    told = gzip.compress(b'{"id":"file-1"}', mtime=0)
    packed = {"content-encoding": "gzip", "content-length": str(len(told))}
    account, _ = _account(Answer(200, told, packed))
    assert await account.ask(AccountCall("/files")) == b'{"id":"file-1"}'
    account, _ = _account(Answer(200, told, packed))
    answer = await account.open(AccountCall("/files/f/content"))
    assert (answer.header("content-length"), answer.header("content-encoding")) == ("", "")
    refusal = gzip.compress(_error("No such File object: f"), mtime=0)
    account, _ = _account(Answer(404, refusal, packed))
    with pytest.raises(UpstreamRejected, match="No such File object"):
        await account.ask(AccountCall("/files/f"))


@pytest.mark.parametrize(("coding", "body"), [("br", b"{}"), ("gzip", b"{}"), ("gzip", CUT)])
async def test_what_cannot_be_inflated_is_a_failure_of_the_server(coding: str, body: bytes):
    account, client = _account(Answer(200, body, {"content-encoding": coding}))
    with pytest.raises(UpstreamFailed):
        await account.ask(AccountCall("/files"))
    assert client.answer.closed


def _error(message: str, **more: str) -> bytes:
    fields = "".join([f',"{name}":"{value}"' for name, value in more.items()])
    return f'{{"error":{{"message":"{message}","type":"invalid_request_error"{fields}}}}}'.encode()


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (_told(404, _error("No such File object: f")), UpstreamRejected, "No such File object: f"),
        (_told(400, _error(f"bad at {URL} {KEY}")), UpstreamRejected, "bad at"),
        (_told(401, _error(f"wrong key {KEY}", code="invalid_api_key")), UpstreamFailed, "401"),
        (_told(429, _error("slow"), retry_after="7"), Overloaded, "Try again in 7 s"),
        (_told(500, b"<html>"), UpstreamFailed, "500"),
        (ConnectFailed("refused the connection"), Overloaded, "refused the connection"),
        (TransportTimeout("sent no first byte in time"), UpstreamTimeout, "no first byte"),
        (TransportError("broke off"), UpstreamFailed, "broke off"),
        (Answer(200, b"", {}, breaks=True), UpstreamFailed, "broke off"),
        (Answer(400, b"", {}, breaks=True), UpstreamFailed, "broke off"),
    ],
)
async def test_what_fails_is_told_without_keys_and_addresses(answer, kind, words):
    account, _ = _account(answer)
    with pytest.raises(TurnoutError) as caught:
        await account.ask(AccountCall("/files/f"))
    assert type(caught.value) is kind
    assert words in caught.value.message
    assert KEY not in caught.value.message
    assert "provider.example" not in caught.value.message
    if isinstance(answer, Answer):
        assert answer.closed


async def test_an_answer_to_be_read_is_open_until_its_reader_closes_it():
    account, client = _account(_told(200, b"content"))
    answer = await account.open(AccountCall("/files/f/content"))
    assert not client.answer.closed
    assert await answer.read() == b"content"
