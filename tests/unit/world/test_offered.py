"""Whose account customers' files are in: one of each family, known by address and credential."""

import json

import pytest

from policies.findings import DocumentError
from router.world.config_load import LoadedConfig, load_config
from router.world.offered import members, offering

BOTH = ["files", "batches"]


def _loaded(**backends: dict) -> LoadedConfig:
    usual = {"base_url": "http://one/v1", "model": "m", "price": {"input": 2, "output": 4}}
    sections = {name: usual | given for name, given in backends.items()}
    text = json.dumps({"version": 1, "backends": sections})
    return load_config(text, "turnout.yaml", {})


def test_backends_with_the_same_address_and_key_are_one_account():
    backends = _loaded(
        a={"offers": BOTH, "api_key": "k"},
        b={"api_key": "k", "model": "other"},
        c={"api_key": "another"},
        d={"api_key": "k", "base_url": "http://two/v1"},
        e={"api_key": "k", "dialect": "anthropic", "offers": ["batches"]},
    ).backends
    assert offering(backends.values(), "openai", "files") is backends["a"]
    assert offering(backends.values(), "anthropic", "files") is None
    assert offering(backends.values(), "anthropic", "batches") is backends["e"]
    assert members(backends.values(), backends["a"]) == {"a", "b"}


@pytest.mark.parametrize(
    ("backends", "words"),
    [
        ({"a": {"offers": ["batches"]}}, "batches of OpenAI's kind are read from files"),
        ({"a": {"offers": ["files"], "dialect": "gemini"}}, "keep no files or batches here"),
        ({"a": {"offers": ["file"]}}, "known: batches, files"),
        ({"a": {"offers": ["files"]}, "b": {"offers": ["files"]}}, "`a` offers files"),
    ],
)
def test_what_cannot_be_offered_is_said_at_the_start(backends, words):
    with pytest.raises(DocumentError) as caught:
        _loaded(**backends)
    assert words in str(caught.value)


def _batch_price(**section: object) -> tuple[int, int]:
    price = _loaded(a=section).batch_prices.price("a")
    return price.input_pico, price.output_pico


def test_a_batch_has_the_share_that_is_written_else_the_whole_price():
    assert _batch_price() == (2_000_000, 4_000_000)
    assert _batch_price(price={"input": 2, "output": 4, "batch": 0.5}) == (1_000_000, 2_000_000)
    assert _batch_price(price={"input": 2, "output": 4, "batch": 1}) == (2_000_000, 4_000_000)


def test_a_batch_has_the_lists_price_of_batches_where_nothing_is_written():
    listed = {"provider": "openai", "model": "gpt-4o-mini", "price": None}
    whole = _loaded(a=listed).prices.price("a")
    assert _batch_price(**listed) == (whole.input_pico // 2, whole.output_pico // 2)
    tenth = listed | {"price": {"batch": 0.1}}
    assert _batch_price(**tenth) == (whole.input_pico // 10, whole.output_pico // 10)


@pytest.mark.parametrize("share", [0, 1.5, -1, "half", True])
def test_a_share_is_above_nothing_and_at_most_all(share):
    with pytest.raises(DocumentError, match="is not a share"):
        _batch_price(price={"input": 2, "output": 4, "batch": share})
