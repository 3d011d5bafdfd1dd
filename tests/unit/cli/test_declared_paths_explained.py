"""`turnout check` and `explain` know the operations that turnout.yaml declares."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from router.cli.check import check
from router.cli.explain import explain

CONFIG = """\
version: 1
policy: policy.yaml
backends:
  scanner:
    base_url: http://127.0.0.1:1/v1
    model: m
    serves: [scan, scans]
    price: {request: 0.01, byte: 0.0000001}
operations:
  scan: {paths: /v1/scans, model: scans, count_bytes: true}
  scans: {paths: ["/v1/scans/{scan}"], methods: [GET, DELETE], model: scans}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "turnout.yaml"
    path.write_text(CONFIG)
    policy = "version: 1\nroutes: {scans: {candidates: [scanner], objective: fixed}}\n"
    (tmp_path / "policy.yaml").write_text(policy)
    return path


def explained(config: Path, *words: str) -> tuple[int, str]:
    result = CliRunner().invoke(explain, ["--config", str(config), *words])
    return result.exit_code, result.output


def test_check_lists_them_and_asks_nothing_of_chats_where_there_are_none(config: Path) -> None:
    result = CliRunner().invoke(check, ["--config", str(config)])
    assert result.exit_code == 0
    assert "scan (POST /v1/scans; by request, byte)" in result.output
    assert "scans (GET, DELETE /v1/scans/{scan}; by request)" in result.output
    assert "does not say what it supports" not in result.output


def test_check_refuses_a_path_of_the_gateways_own_at_its_place(config: Path) -> None:
    config.write_text(CONFIG.replace("/v1/scans,", "/v1/embeddings,"))
    result = CliRunner().invoke(check, ["--config", str(config)])
    assert result.exit_code == 2
    assert f"{config}:10:17: error: `/v1/embeddings` could mean" in result.output


def test_explain_says_which_operation_a_path_is_and_where_it_goes(config: Path) -> None:
    code, text = explained(config, "--path", "/v1/scans/7?x=1", "--method", "GET")
    assert code == 0
    assert "operation `scans`: GET /scans/7 below the base address, as `scans`" in text
    assert "scanner" in text
    assert "0.01 USD" in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--path", "/v1/scan"), "declared are: /v1/scans, /v1/scans/{scan}"),
        (("--path", "/v1/scans/7"), "takes GET, DELETE, not POST"),
    ],
)
def test_explain_says_which_paths_and_methods_there_are(
    config: Path, words: tuple[str, ...], said: str
) -> None:
    code, text = explained(config, *words)
    assert code == 1
    assert said in text
