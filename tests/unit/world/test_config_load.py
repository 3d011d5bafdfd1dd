"""Loading turnout.yaml: backends and prices come out resolved, once."""

from pathlib import Path

import pytest

import router
from policies.findings import DocumentError, render
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


TRACED = """
telemetry:
  traces: {to: "http://collector:4318", sample: 0.1, headers: {x-api-key: "${TOKEN}"}, slow: 2s}
"""


def test_traces_are_off_unless_they_are_configured():
    assert load_config(TEXT, "turnout.yaml", {}).config.telemetry.traces is None


def test_traces_are_configured_with_headers_from_the_environment():
    config = load_config(TEXT + TRACED, "turnout.yaml", {"TOKEN": "very-secret"}).config
    traces = config.telemetry.traces
    assert (traces.to, traces.sample, traces.slow) == ("http://collector:4318", 0.1, 2.0)
    assert (traces.join, traces.failed_per_minute, traces.service) == (True, 60, "turnout")
    assert traces.headers["x-api-key"].get_secret_value() == "very-secret"
    assert "very-secret" not in repr(config)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("{}", "to"),
        ("{to: collector}", "not the address of a collector"),
        ('{to: "http://c", sample: 1.5}', "must be at most 1"),
        ('{to: "http://c", headers: {x: "a\\nb"}}', "no printable text"),
    ],
)
def test_a_mistake_in_it_is_told_with_its_line(wrong, said):
    with pytest.raises(DocumentError) as caught:
        load_config(f"{TEXT}telemetry: {{traces: {wrong}}}\n", "turnout.yaml", {})
    report = render(caught.value.findings)
    assert "turnout.yaml:6:" in report
    assert said in report
