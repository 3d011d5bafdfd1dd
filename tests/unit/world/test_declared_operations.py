"""Operations in turnout.yaml: what may be declared, and what is said where it may not."""

from typing import Any

import orjson
import pytest

from policies.findings import DocumentError, render
from policies.policy import load
from router.domain import Usage
from router.protocols.declared import TokenPointers
from router.world.config_load import LoadedConfig, load_config
from router.world.snapshot import compile_snapshot

SERVER = {"base_url": "http://127.0.0.1:1/v1", "model": "m", "serves": ["ocr"]}
OCR = {"paths": ["/v1/ocr", "/v1/ocr/{job}"], "model": "auto"}
POLICY = "version: 1\nroutes:\n  auto: {candidates: [own], objective: fixed}\n"


def loaded(operations: dict[str, Any], **server: Any) -> LoadedConfig:
    backend = SERVER | {"price": {"request": 0.01}} | server
    document = {"version": 1, "backends": {"own": backend}, "operations": operations}
    return load_config(orjson.dumps(document).decode(), "turnout.yaml", {})


def refused(operations: dict[str, Any], **server: Any) -> str:
    with pytest.raises(DocumentError) as caught:
        loaded(operations, **server)
    return render(caught.value.findings)


def test_an_operation_is_known_with_its_price_and_needs_none_of_tokens() -> None:
    world = loaded({"ocr": OCR})
    assert world.declared.operations["ocr"].paths == ("/v1/ocr", "/v1/ocr/{job}")
    assert world.prices.price("own").cost(Usage(units=(("request", 3),))) == 3 * 10**10
    assert compile_snapshot(world, load(POLICY, "p")).declared is world.declared


def test_pointers_are_read_as_their_standard_says() -> None:
    tokens = {"input": "/a~1b/~0c", "output": ""} | {"output": "/u/0"}
    world = loaded({"ocr": OCR | {"tokens": tokens}}, price={"input": 1, "output": 1, "request": 0})
    assert world.declared.operations["ocr"].tokens == TokenPointers(("a/b", "~c"), ("u", "0"))


def test_tokens_that_answers_tell_need_a_price() -> None:
    assert "no list price" in refused({"ocr": OCR | {"tokens": {"input": "/u"}}})


def test_what_it_is_counted_in_needs_a_price() -> None:
    said = refused({"ocr": OCR | {"count_bytes": True}})
    assert "price: {byte: USD}" in said


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"paths": ["/v1/embeddings"]}, "could mean a path of the gateway's"),
        ({"paths": ["/v1/{any}"]}, "could mean a path of the gateway's"),
        ({"paths": ["/{any}"]}, "could mean a path of the gateway's"),
        ({"paths": ["/v1/models/{any}/x"]}, "could mean a path of the gateway's"),
        ({"paths": ["/openai/x/y/z"]}, "could mean a path of the gateway's"),
        ({"paths": ["/v1/chat/completions/{id}"]}, "could mean a path of the gateway's"),
        ({"paths": ["/metrics"]}, "could mean a path of the gateway's"),
        ({"paths": ["/a/../b"]}, "is not a path that can be declared"),
        ({"paths": ["/a/{b}/{b}"]}, "two parameters of one name"),
        ({"paths": ["/a/{b}", "/a/{c}"]}, "could mean `/a/{b}` too"),
        ({"methods": ["HEAD"]}, "is not a list of methods"),
        ({"to": "/b/{job}"}, "names a parameter that a path lacks"),
        ({"tokens": {}}, "says of no tokens"),
        ({"tokens": {"input": "usage"}}, "is not a JSON pointer"),
    ],
)
def test_what_cannot_be_declared_is_told_with_what_to_write(
    changed: dict[str, Any], said: str
) -> None:
    assert said in refused({"ocr": OCR | changed})


@pytest.mark.parametrize("name", ["image", "chat", "message", "Scan", "a b"])
def test_names_of_the_gateways_own_operations_are_taken(name: str) -> None:
    assert f"cannot be called `{name}`" in refused({name: OCR}, serves=[name])


def test_an_operation_that_nobody_serves_is_told_and_so_is_one_that_nobody_declared() -> None:
    assert "no backend serves `scan`" in refused({"ocr": OCR, "scan": OCR | {"paths": ["/scan"]}})
    assert "unknown operation `ocr`" in refused({})


@pytest.mark.parametrize(
    ("model", "policy", "said"),
    [
        ("autp", POLICY, "did you mean `auto`?"),
        ("auto", POLICY.replace("own]", "other]"), "no candidate of `auto` serves `ocr`"),
    ],
)
def test_a_policy_that_sends_it_nowhere_is_told(model: str, policy: str, said: str) -> None:
    other = {"base_url": "http://127.0.0.1:1/v1", "model": "m", "price": {"input": 1, "output": 1}}
    backends = {"own": SERVER | {"price": {"request": 0}}, "other": other}
    operations = {"ocr": OCR | {"model": model}}
    document = {"version": 1, "backends": backends, "operations": operations}
    world = load_config(orjson.dumps(document).decode(), "turnout.yaml", {})
    with pytest.raises(DocumentError) as caught:
        compile_snapshot(world, load(policy, "p"))
    assert said in render(caught.value.findings)
