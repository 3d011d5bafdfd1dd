"""Quirks: a field is all there is to say; presets and turnout.yaml have its key by themselves."""

import pytest

from router.backends.catalog import load_catalog
from router.protocols.quirks import PLAIN, QUIRKS, Quirks
from router.world.config import BackendSection
from router.world.config_load import load_config

OWN = """
version: 1
backends:
  other:
    provider: mistral
    model: m
    price: {input: 1, output: 1}
    token_param: max_completion_tokens
    drop: [seed]
    rename: {n: count}
    values: {effort: {low: least}}
    stream_options: true
    plain_content: true
"""


def test_a_backends_own_words_stand_over_its_providers_preset():
    preset = load_catalog()["mistral"].quirks
    quirks = load_config(OWN, "t.yaml", {}).backends["other"].quirks
    assert quirks.token_param == "max_completion_tokens"
    assert quirks.drop == preset.drop | {"seed"}
    assert quirks.rename == {**preset.rename, "n": "count"}
    assert quirks.values == {**preset.values, "effort": {"low": "least"}}
    assert quirks.stream_options
    assert quirks.plain_content
    assert quirks.short_call_ids == preset.short_call_ids
    assert {"seed", "n", "effort"} <= quirks.touched


def test_a_backend_without_words_of_its_own_has_its_providers_quirks():
    text = (
        "version: 1\nbackends: {m: {provider: mistral, model: m, price: {input: 1, output: 1}}}\n"
    )
    assert load_config(text, "t.yaml", {}).backends["m"].quirks == load_catalog()["mistral"].quirks


@pytest.mark.parametrize("name", QUIRKS)
def test_every_quirk_may_be_said_of_a_backend(name):
    assert name in BackendSection.model_fields


def test_nothing_said_changes_nothing():
    assert PLAIN.overridden({}) == PLAIN == Quirks()
