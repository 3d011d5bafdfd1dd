"""`turnout prices` says which list it reads, what it has of a model, and what another changes."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from router.cli.prices import prices

CONFIG = """\
version: 1
backends:
  own: {base_url: "http://127.0.0.1:1/v1", model: m, supports: [], price: {input: 1, output: 2}}
  mini: {provider: minimax, model: MiniMax-M2.5}
  qwen: {provider: dashscope, model: qwen3-max}
"""
ROW = {"id": "MiniMax-M2.5", "match": {"equals": "minimax-m2.5"}}
RATES = {"input_mtok": 0.4, "output_mtok": 1.2, "cache_read_mtok": 0.03}


def listed(*rows: dict[str, Any], of: str = "minimax") -> dict[str, Any]:
    return {"id": of, "name": of, "api_pattern": "x", "models": [*rows]}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TURNOUT_CONFIG", raising=False)
    new = {"dated": "2026-11-29", "providers": [listed(ROW | {"prices": RATES})]}
    (tmp_path / "new.json").write_text(json.dumps(new))
    return tmp_path


def asked(*arguments: str) -> Result:
    return CliRunner().invoke(prices, arguments)


def rows(*arguments: str) -> Any:
    return json.loads(asked(*arguments, "--format", "json").output)


def test_the_list_tells_source_version_and_day(folder: Path) -> None:
    shipped, ours = rows()
    assert shipped["source"] == "genai-prices"
    assert shipped["models"] > 1000
    assert {*shipped} >= {"version", "date", "dated_by"}
    assert ours["date"] == "2026-11-21"
    assert "genai-prices" in asked().output


def test_each_price_names_the_list_that_it_is_of(folder: Path) -> None:
    (row,) = rows("--provider", "dashscope", "--model", "qwen3-max")
    assert row["list"]["source"] == "Turnout's supplement"
    assert row["note"].startswith("https://")
    text = asked("--provider", "openai", "--model", "gpt-5.5").output
    assert text.startswith("genai-prices ")
    assert "USD per million tokens" in text.splitlines()[0]


def test_one_model_comes_with_every_class_of_service_and_its_prices_over_time(folder: Path) -> None:
    found = rows("--provider", "openai", "--model", "gpt-5.5")
    assert found[0]["service_tier"] == "standard"
    assert {"batch", "flex", "priority"} <= {row["service_tier"] for row in found}
    assert found[0]["steps"][0]["cached_input"] == 1.0
    (one,) = rows("--provider", "openai", "--model", "gpt-5.5", "--service-tier", "flex")
    assert one["input"] == 2.5
    over_time = rows("--provider", "deepseek", "--model", "deepseek-v4-flash")[0]["over_time"]
    assert ("2026-08-17", "") in [(each["since"], each["hours"]) for each in over_time]
    assert ("", "01:00-04:00") in [(each["since"], each["hours"]) for each in over_time]


def test_a_list_of_a_file_is_shown_and_so_is_the_one_that_turnout_yaml_names(folder: Path) -> None:
    model = ("--provider", "minimax", "--model", "MiniMax-M2.5")
    (row,) = rows(*model, "--list", "new.json")
    assert (row["model"], row["input"]) == ("MiniMax-M2.5", 0.4)
    assert row["list"] == {
        "source": "new.json",
        "version": row["list"]["version"],
        "date": "2026-11-29",
        "dated_by": "its own word",
    }
    (folder / "turnout.yaml").write_text(f"prices: new.json\n{CONFIG}")
    assert rows(*model) == [row]


def test_what_another_list_would_change_is_shown_for_the_backends_it_prices(folder: Path) -> None:
    (folder / "turnout.yaml").write_text(CONFIG)
    changes = rows("--compare", "new.json")
    assert {row["backend"] for row in changes} == {"mini"}
    rates = {row["rate"]: (row["before"], row["after"], row["change"]) for row in changes}
    assert rates["input"] == (0.3, 0.4, "+33%")
    assert rates["priced as"][:2] == ("MiniMax-M2", "MiniMax-M2.5")
    assert "output" not in rates
    text = asked("--compare", "new.json").output
    assert text.splitlines()[0].startswith("before  genai-prices")
    assert text.splitlines()[1].startswith("after   new.json")


def test_a_backend_that_a_list_would_leave_without_a_price_is_told(folder: Path) -> None:
    (folder / "turnout.yaml").write_text(CONFIG)
    (folder / "new.json").write_text(json.dumps([listed(of="dashscope")]))
    (row,) = rows("--compare", "new.json")
    assert (row["backend"], row["change"]) == ("qwen", "no price any more")
    (folder / "new.json").write_text(json.dumps([listed(of="nobody")]))
    assert rows("--compare", "new.json") == []
    assert "Nothing changes for the 3 backends" in asked("--compare", "new.json").output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--list", "none.json"), "none.json: cannot be read: No such file"),
        (("--compare", "new.json"), "turnout.yaml"),
        (("--model", "gpt-5.5"), "--model needs --provider"),
        (("--provider", "zhipu", "--model", "glm-5.3-prime"), "Did you mean 'GLM-5.3'?"),
    ],
)
def test_what_cannot_be_shown_is_said_with_what_to_do(
    folder: Path, arguments: tuple[str, ...], said: str
) -> None:
    result = asked(*arguments)
    assert result.exit_code == 2
    assert said in result.output


def test_a_model_that_is_priced_as_another_is_said_beside_the_table(folder: Path) -> None:
    result = asked("--provider", "minimax", "--model", "MiniMax-M2.5")
    assert result.exit_code == 0
    assert "'MiniMax-M2.5' is priced as 'MiniMax-M2'" in result.output
