"""`turnout check` asks what a backend supports where nobody said so."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from router.cli.check import check

PRICE = "{{input: 1, output: 2, cache_write: 1, cache_write_1h: 2}}"
BACKEND = f"{{{{base_url: 'http://127.0.0.1:1/v1', model: m, price: {PRICE}{{more}}}}}}"


@pytest.mark.parametrize(
    ("more", "warned"),
    [("", True), (", supports: []", False), (", supports: [tools]", False),
     (", provider: vllm", False), (", dialect: anthropic", False)],
)  # fmt: skip
def test_a_backend_that_does_not_say_what_it_supports_is_warned_of(
    tmp_path: Path, more: str, warned: bool
) -> None:
    config = tmp_path / "turnout.yaml"
    policy = tmp_path / "policy.yaml"
    policy.write_text("version: 1\nroutes: {auto: {candidates: [local]}}\n")
    backend = BACKEND.format(more=more)
    config.write_text(f"version: 1\npolicy: policy.yaml\nbackends:\n  local: {backend}\n")
    result = CliRunner().invoke(check, ["--config", str(config)])
    assert result.exit_code == 0
    assert ("`local` does not say what it supports" in result.output) == warned
