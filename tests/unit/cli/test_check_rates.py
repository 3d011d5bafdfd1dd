"""A rate that nobody says is a mistake of `check`, with its place and what to write; `serve` says
it in its log."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from router.cli.check import check
from router.cli.common.check_rates import rate_findings
from router.world.documents import Documents, read_documents
from router.world.missing_rates import warn_of_missing

GPT = {"provider": "openai", "model": "gpt-5", "api_key": "k"}


def documents(folder: Path, **backend: Any) -> Documents:
    route = {"candidates": ["gpt"], "objective": "fixed"}
    (folder / "p.yaml").write_text(json.dumps({"version": 1, "routes": {"auto": route}}))
    document = {"version": 1, "policy": "p.yaml", "backends": {"gpt": backend}}
    path = folder / "turnout.yaml"
    path.write_text(json.dumps(document, indent=1))
    return read_documents(path, {})


def test_a_mistake_stands_at_the_price_with_what_to_write(tmp_path: Path) -> None:
    (found,) = rate_findings(documents(tmp_path, **GPT, price={"input": 1, "output": 8}))
    assert (found.severity, found.rule, found.line) == ("error", "missing-rate", 9)
    assert "`gpt` does not say `cached_input`, `file_search`, `web_search`, `tiers`" in (
        found.message
    )
    written = "cached_input: 0.125, file_search: 0.0025, web_search: 0.01, tiers: {fast: 2,"
    assert written in found.hint


def test_the_lists_own_price_lacks_nothing(tmp_path: Path) -> None:
    assert not rate_findings(documents(tmp_path, **GPT))


def test_check_ends_with_2_for_it(tmp_path: Path) -> None:
    documents(tmp_path, **GPT, price={"input": 1, "output": 8})
    done = CliRunner().invoke(check, ["--config", str(tmp_path / "turnout.yaml")])
    assert done.exit_code == 2
    assert "error: the price of `gpt` does not say" in done.output


def test_serving_says_it_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    read = documents(tmp_path, **GPT, price={"input": 1, "output": 8})
    with caplog.at_level(logging.WARNING):
        warn_of_missing(read.loaded.missing)
    (record,) = caplog.records
    assert "turnout check" in record.message
    facts = vars(record)
    assert (facts["backend"], facts["keys"].split(", ")[0]) == ("gpt", "cached_input")
