"""Loading turnout.yaml: backends and prices come out resolved, once."""

from pathlib import Path

import pytest

import router
from policies.findings import DocumentError
from router.world.config_load import load_config

TEXT = """
version: 1
backends:
  moe: {provider: deepseek, model: deepseek-v4-flash, api_key: k}
  own: {base_url: "http://127.0.0.1:1/v1", model: m, price: {input: 1, output: 2}}
"""


def test_a_loaded_configuration_has_every_backend_and_its_price():
    loaded = load_config(TEXT, "turnout.yaml", {})
    assert set(loaded.backends) == set(loaded.config.backends) == {"moe", "own"}
    assert loaded.backends["moe"].base_url.startswith("https://api.deepseek.com")
    assert loaded.prices.price("own").output_pico == 2_000_000
    assert loaded.prices.price("moe").output_pico > 0


def test_backends_are_resolved_in_one_place_only():
    folder = Path(router.__file__).parent
    users = [
        path.name
        for path in folder.rglob("*.py")
        if "router.world.resolve import" in path.read_text(encoding="utf-8")
    ]
    assert users == ["config_load.py"]


RESPONSES = (
    TEXT
    + """
responses: {keys: [KEY], home: [own, hom]}
"""
)


def test_keys_of_kept_responses_are_32_bytes_of_base64_and_never_shown():
    for wrong in ("secretsecret", "c2VjcmV0", "7"):
        with pytest.raises(DocumentError) as caught:
            load_config(RESPONSES.replace("KEY", wrong), "turnout.yaml", {})
        report = str(caught.value)
        assert "openssl rand -base64 32" in report
        assert "secretsecret" not in report


def test_backends_at_home_must_be_there():
    key = "A" * 43 + "="
    with pytest.raises(DocumentError) as caught:
        load_config(RESPONSES.replace("KEY", f'"{key}"'), "turnout.yaml", {})
    assert "unknown backend `hom`" in str(caught.value)
    text = RESPONSES.replace("KEY", f'"{key}"').replace(", hom]", "]")
    loaded = load_config(text, "turnout.yaml", {})
    assert [one.get_secret_value() for one in loaded.config.responses.keys] == [key]
    assert key not in repr(loaded.config)
