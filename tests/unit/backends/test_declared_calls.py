"""How backends of each dialect are asked what the operator declared."""

import pytest

from router.ask import Ask
from router.backends.backend import Backend
from router.backends.dialects.table import DIALECTS
from router.backends.dialects.translated import dialect_of
from router.backends.fitness import unfit
from router.backends.transport.transport import HttpCall
from router.operations.plain import PLAIN_ASK
from router.protocols.declared import Sending


def ask(path: str = "/ocr", query: str = "", *, at_root: bool = False) -> Ask:
    return PLAIN_ASK._replace(
        operation="ocr",
        protocol="declared",
        raw=b"\x89PNG",
        headers=(("content-type", "image/png"),),
        declared=Sending("PUT", path, query, at_root=at_root),
    )


def backend(dialect: str = "openai", **more: object) -> Backend:
    fields = {"serves": frozenset({"ocr"}), "api_key": "sk", "dialect": dialect} | more
    return Backend("own", "http://h/v1", "m", **fields)  # type: ignore[arg-type]


def call(of: Backend, request: Ask) -> HttpCall:
    asking, _ = dialect_of(of.dialect, request)
    return asking.call(of.deployments()[0], of, request, "r1")


@pytest.mark.parametrize("dialect", list(DIALECTS))
def test_every_dialect_is_asked_with_its_own_credential_and_the_clients_bytes(dialect: str) -> None:
    made = call(backend(dialect), ask())
    assert (made.target.method, made.target.url, made.body) == (
        "PUT",
        "http://h/v1/ocr",
        b"\x89PNG",
    )
    named = {"anthropic": "x-api-key", "gemini": "x-goog-api-key"}
    named["vertex-anthropic"] = named["gemini"]
    key_in = named.get(dialect, "Authorization")
    assert dict(made.target.headers)[key_in].removeprefix("Bearer ") == "sk"
    assert ("content-type", "image/png") in made.headers
    assert ("anthropic-version" in dict(made.headers)) == (dialect == "anthropic")


def test_nothing_is_remembered_of_paths_that_differ_from_request_to_request() -> None:
    assert call(backend(), ask("/jobs/7")).target.once


def test_a_path_outside_of_v1_is_asked_at_the_servers_root() -> None:
    assert call(backend(), ask("/api/tags", at_root=True)).target.url == "http://h/api/tags"


def test_the_query_passes_and_the_operators_own_counts_before_the_clients() -> None:
    assert call(backend(), ask(query="a=%2e&b")).target.url == "http://h/v1/ocr?a=%2e&b"
    azure = backend(query=(("api-version", "1"),))
    url = call(azure, ask(query="api-version=2&x=a%20b")).target.url
    assert url == "http://h/v1/ocr?x=a+b&api-version=1"


@pytest.mark.parametrize(
    ("serves", "why"),
    [(None, "ocr"), (frozenset({"chat"}), "ocr"), (frozenset({"ocr"}), None)],
)
def test_only_backends_that_name_it_are_asked(serves: frozenset[str] | None, why: str) -> None:
    assert unfit(backend(serves=serves), ask(), 0) == why
