"""Backends whose calls are signed or bear a token of the hour: the clouds' own libraries against
servers that check what they get."""

import asyncio
import json
import logging
import ssl
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import google.auth.jwt
import pytest
import trustme
from cloudservers import COMPLETION, Asked, cloud_server, completes, signed_by
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from router.ask import Ask
from router.backends.backend import Backend
from router.backends.credentials.specs import AwsKeys, EntraIdentity, GoogleAccount
from router.backends.dispatch.dispatch import Dispatcher
from router.backends.dispatch.retry import RetryPolicy
from router.backends.transport.httptools_transport import HttptoolsTransport
from router.backends.transport.httpx_transport import HttpxTransport
from router.errors import Overloaded, UpstreamFailed

Chat = Callable[..., Ask]
ID, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
KEYS = AwsKeys("eu-central-1", access_key_id=ID, secret_access_key=SECRET)
TOKEN = "token-of-this-hour"


@pytest.fixture(params=[HttptoolsTransport, HttpxTransport], ids=["httptools", "httpx"])
async def dispatcher(request: pytest.FixtureRequest) -> AsyncIterator[Dispatcher]:
    dispatcher = Dispatcher(request.param(), retry=RetryPolicy(rounds=0))
    yield dispatcher
    await dispatcher.close()


@pytest.fixture(autouse=True)
def _nothing_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No chain of a cloud finds what somebody keeps on the machine of the tests."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)


async def asked(dispatcher: Dispatcher, backend: Backend, request: Ask) -> bytes:
    async with dispatcher.open([backend], request, "r1") as upstream:
        return upstream.body


@pytest.mark.parametrize("size", [2, 300_000], ids=["short", "long"])
async def test_a_signature_is_what_aws_would_make_of_the_request(
    dispatcher: Dispatcher, chat: Chat, size: int
) -> None:
    right = signed_by(ID, SECRET, service="bedrock", region="eu-central-1")
    with cloud_server(right) as server:
        for query in ((), (("a", "b c"), ("api-version", "2024-10-21"))):
            base = f"{server.url}/model/x.y-v1:0/openai/v1"
            backend = Backend("b", base, "m", credentials=KEYS, query=query)
            raw = await asked(dispatcher, backend, chat("ü" * size))
            assert json.loads(raw) == COMPLETION
        assert all(one.headers["x-request-id"] == "r1" for one in server.asked)


async def test_each_dialect_is_signed_with_its_own_headers(
    dispatcher: Dispatcher, chat: Chat
) -> None:
    spec = AwsKeys("us-east-1", "bedrock-mantle", access_key_id=ID, secret_access_key=SECRET)
    reply = {
        "type": "message",
        "model": "m",
        "content": [{"type": "text", "text": "Hi"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }
    check = signed_by(ID, SECRET, service="bedrock-mantle", region="us-east-1")

    def answer(one: Asked) -> tuple[int, Any]:
        status, body = check(one)
        return status, reply if status == 200 else body

    with cloud_server(answer) as server:
        base = f"{server.url}/anthropic/v1"
        backend = Backend("b", base, "m", dialect="anthropic", credentials=spec)
        raw = await asked(dispatcher, backend, chat())
        assert json.loads(raw)["choices"][0]["message"]["content"] == "Hi"
        assert server.asked[0].headers["anthropic-version"] == "2023-06-01"


async def test_another_key_is_refused_by_who_checks(dispatcher: Dispatcher, chat: Chat) -> None:
    other = signed_by(ID, "another", service="bedrock", region="eu-central-1")
    with cloud_server(other) as server, pytest.raises(UpstreamFailed, match="403"):
        await asked(dispatcher, Backend("b", f"{server.url}/v1", "m", credentials=KEYS), chat())


async def test_keys_of_a_containers_role_are_fetched_and_their_session_goes_along(
    dispatcher: Dispatcher, chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    role = {
        "AccessKeyId": ID,
        "SecretAccessKey": SECRET,
        "Token": "session",
        "Expiration": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600)),
    }
    right = signed_by(ID, SECRET, service="bedrock", region="us-east-1")
    with cloud_server(lambda _: (200, role)) as keys, cloud_server(right) as server:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{keys.url}/role")
        backend = Backend("b", f"{server.url}/v1", "m", credentials=AwsKeys("us-east-1"))
        await asyncio.gather(*(asked(dispatcher, backend, chat(f"{n}")) for n in range(5)))
        assert len(keys.asked) == 1
        assert {one.headers["x-amz-security-token"] for one in server.asked} == {"session"}
        assert "x-amz-security-token" in server.asked[0].headers["authorization"]


def service_account(folder: Path, token_url: str) -> tuple[str, bytes]:
    """A service account's file, and the key that checks what it signs."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    path = folder / "account.json"
    account = {
        "type": "service_account",
        "client_email": "gateway@project.example",
        "private_key_id": "k1",
        "private_key": private.decode(),
        "token_uri": token_url,
    }
    path.write_text(json.dumps(account))
    return str(path), public


async def test_a_service_account_is_given_a_token_for_what_it_signs(
    dispatcher: Dispatcher, chat: Chat, tmp_path: Path
) -> None:
    reply = {"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"}
    with cloud_server(lambda _: (200, reply)) as tokens, cloud_server(completes) as server:
        file, public = service_account(tmp_path, f"{tokens.url}/token")
        backend = Backend("b", f"{server.url}/v1", "m", credentials=GoogleAccount("s", file))
        for n in range(3):
            await asked(dispatcher, backend, chat(f"{n}"))
        [grant] = tokens.asked
        assertion = grant.body.decode().partition("assertion=")[2].partition("&")[0]
        claims = google.auth.jwt.decode(assertion, certs=public)  # type: ignore[no-untyped-call]
        assert (claims["iss"], claims["scope"]) == ("gateway@project.example", "s")
        assert [one.headers["authorization"] for one in server.asked] == [f"Bearer {TOKEN}"] * 3


async def test_a_managed_identity_is_given_a_token(
    dispatcher: Dispatcher, chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    reply = {"access_token": TOKEN, "expires_on": str(int(time.time()) + 3600), "resource": "r"}
    with cloud_server(lambda _: (200, reply)) as identity, cloud_server(completes) as server:
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{identity.url}/msi/token")
        monkeypatch.setenv("IDENTITY_HEADER", "header")
        backend = Backend("b", f"{server.url}/v1", "m", credentials=EntraIdentity())
        requests = [asked(dispatcher, backend, chat(f"{n}")) for n in range(8)]
        await asyncio.gather(*requests)
        [grant] = identity.asked  # eight waited for one
        assert "resource=https://cognitiveservices.azure.com" in unquote(grant.path)
        assert {one.headers["authorization"] for one in server.asked} == {f"Bearer {TOKEN}"}


def entra(one: Asked) -> tuple[int, Any]:
    """The two answers that an application needs to get its token."""
    host = f"https://{one.headers['host']}/tenant"
    if one.method == "GET":
        endpoints = {
            "authorization_endpoint": f"{host}/oauth2/v2.0/authorize",
            "token_endpoint": f"{host}/oauth2/v2.0/token",
            "issuer": f"{host}/v2.0",
        }
        return 200, endpoints
    if b"client_secret=s3cret" not in one.body:
        return 401, {"error": "invalid_client", "error_description": "AADSTS7000215: wrong secret"}
    return 200, {"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"}


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """What an authority serves TLS with, trusted by the libraries."""
    signer = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    signer.issue_cert("127.0.0.1").configure_cert(context)
    signer.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    return context


async def test_an_application_is_given_a_token_for_its_secret(
    dispatcher: Dispatcher, chat: Chat, authority: ssl.SSLContext
) -> None:
    with cloud_server(entra, authority) as login, cloud_server(completes) as server:
        spec = EntraIdentity("https://x/.default", "tenant", "app", "s3cret", login.url)
        backend = Backend("b", f"{server.url}/v1", "m", credentials=spec)
        await asked(dispatcher, backend, chat())
        assert server.asked[0].headers["authorization"] == f"Bearer {TOKEN}"
        assert b"scope=https%3A%2F%2Fx%2F.default" in login.asked[-1].body


async def test_without_a_token_another_backend_answers_and_the_log_says_why(
    dispatcher: Dispatcher,
    chat: Chat,
    authority: ssl.SSLContext,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING, "turnout")
    with cloud_server(entra, authority) as login, cloud_server(completes) as server:
        spec = EntraIdentity("https://x/.default", "tenant", "app", "wrong-secret", login.url)
        first = Backend("first", f"{server.url}/v1", "m", credentials=spec)
        second = Backend("second", f"{server.url}/v1", "m", api_key="k")
        for n in range(3):
            async with dispatcher.open([first, second], chat(f"{n}"), "r1") as upstream:
                assert upstream.backend.name == "second"
        grants = [one for one in login.asked if one.method == "POST"]
        assert len(grants) == 1  # a fetch that failed is not repeated at once
        [record] = [one for one in caplog.records if one.message == "no credential"]
        assert record.__dict__["credential"] == "entra app"
        assert "AADSTS7000215" in record.__dict__["reason"]
        assert "wrong-secret" not in record.__dict__["reason"]
        with pytest.raises((Overloaded, UpstreamFailed)) as caught:
            await asked(dispatcher, first, chat())
        assert "AADSTS" not in str(caught.value)


async def test_a_token_that_a_server_echoes_reaches_nobody(
    dispatcher: Dispatcher, chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    reply = {"access_token": TOKEN, "expires_on": str(int(time.time()) + 3600), "resource": "r"}
    echo = {"error": {"message": f"the token {TOKEN} may not do this", "type": "x"}}
    with cloud_server(lambda _: (200, reply)) as identity, cloud_server(lambda _: (422, echo)) as s:
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{identity.url}/msi/token")
        monkeypatch.setenv("IDENTITY_HEADER", "header")
        backend = Backend("b", f"{s.url}/v1", "m", credentials=EntraIdentity())
        with pytest.raises(Exception, match=r"the token \[key\] may not do this"):
            await asked(dispatcher, backend, chat())
