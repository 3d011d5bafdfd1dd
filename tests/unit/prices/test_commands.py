"""`turnout models` and `turnout prices`, as a person or a script calls them."""

import json

from click.testing import CliRunner

from router.cli.models import models
from router.cli.prices import prices


def test_models_lists_the_providers() -> None:
    result = CliRunner().invoke(models, ["--format", "json"])
    rows = json.loads(result.output)
    assert {row["provider"] for row in rows} >= {"openai", "anthropic", "vllm"}
    assert "DEEPSEEK_API_KEY" in CliRunner().invoke(models, []).output


def test_models_of_a_provider_come_with_prices() -> None:
    rows = json.loads(
        CliRunner().invoke(models, ["--provider", "openai", "--format", "json"]).output
    )
    result = next(row for row in rows if row["model"] == "gpt-5.5")
    assert (result["input"], result["output"]) == (5.0, 30.0)
    assert result["steps"][0]["above"] == 272_000


def test_prices_knows_the_past_and_the_hour() -> None:
    def at(moment: str) -> float:
        asked = ["--provider", "deepseek", "--model", "deepseek-v4-flash", "--at", moment]
        result = CliRunner().invoke(prices, [*asked, "--format", "json"])
        return float(json.loads(result.output)[0]["input"])

    assert at("2026-07-01") == 0.14
    assert at("2026-11-21T12:00") == 0.15
    assert at("2026-11-21T02:00") == 0.3


def test_what_is_not_known_is_said_with_what_to_do() -> None:
    unknown = CliRunner().invoke(prices, ["--provider", "openai", "--model", "nope"])
    assert unknown.exit_code == 2
    assert "price: {input: USD, output: USD}" in unknown.output
    assert CliRunner().invoke(models, ["--provider", "nope"]).exit_code == 2
    assert CliRunner().invoke(prices, ["--provider", "openai", "--at", "soon"]).exit_code == 2
