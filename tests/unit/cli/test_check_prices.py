"""`turnout check` doubts prices that are probably not meant, and says what to write."""

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from policies.findings import Finding
from router.cli.check import check
from router.cli.common.check_lists import OLD_DAYS
from router.cli.common.check_prices import price_findings
from router.prices.price_list import SHIPPED
from router.world.documents import read_documents

TODAY = date(2026, 11, 30)
OWN = {"base_url": "http://127.0.0.1:1/v1", "model": "m", "supports": []}


def findings(folder: Path, today: date = TODAY, prices: str = "", **backend: Any) -> list[Finding]:
    config = folder / "turnout.yaml"
    document = {"version": 1, "backends": {"b": backend}} | ({"prices": prices} if prices else {})
    config.write_text(json.dumps(document))
    return price_findings(read_documents(config, {}), today)


def rules(folder: Path, today: date = TODAY, prices: str = "", **backend: Any) -> list[str]:
    return [each.rule for each in findings(folder, today, prices, **backend)]


@pytest.mark.parametrize(
    ("price", "doubted"),
    [
        ({"input": 2.5, "output": 10}, []),
        ({"input": 0, "output": 0}, []),
        ({"input": 0.001, "output": 1000}, []),
        ({"input": 0.00001, "output": 10}, ["price-unit"]),
        ({"input": 1, "output": 1001}, ["price-unit"]),
        ({"input": 0.0000025, "output": 10}, ["price-rounds", "price-unit"]),
        ({"input": 1, "output": 2, "cached_input": 0.0300001}, ["price-rounds"]),
        ({"input": 1, "output": 2, "cached_input": 1}, []),
        ({"input": 1, "output": 2, "cached_input": 1.5}, ["price-order"]),
        ({"input": 1, "output": 2, "cache_write": 2}, []),
        ({"input": 2, "output": 1}, ["price-order"]),
        ({"input": 2, "output": 0}, []),
        ({"input": 1, "output": 2, "image": 0.04}, []),
    ],
)
def test_a_price_is_doubted_for_its_unit_its_decimals_and_its_order(
    tmp_path: Path, price: dict[str, float], doubted: list[str]
) -> None:
    assert sorted(rules(tmp_path, **OWN, price=price)) == doubted


@pytest.mark.parametrize(
    ("rate", "unit", "meant"),
    [(0.0000025, "per token", "2.5"), (0.0005, "per thousand", "0.5"),
     (2500, "per billion", "2.5")],
)  # fmt: skip
def test_a_price_in_the_wrong_unit_is_said_in_the_right_one(
    tmp_path: Path, rate: float, unit: str, meant: str
) -> None:
    found = findings(tmp_path, **OWN, price={"input": rate, "output": 1000})
    doubt = next(each for each in found if each.rule == "price-unit")
    assert f"is this {unit}?" in doubt.message
    assert doubt.hint.endswith(f"that would be input: {meant}")


@pytest.mark.parametrize(
    ("unit", "written", "one"),
    [
        ("character", 15, "0.000015"),
        ("second", 0.36, "0.0001"),
        ("web_search", 10, "0.01"),
        ("search", 2, "0.002"),
        ("image", 40, "0.04"),
    ],
)
def test_a_unit_that_costs_what_many_do_is_said_for_one(
    tmp_path: Path, unit: str, written: float, one: str
) -> None:
    price = {"input": 1, "output": 2, unit: written}
    (found,) = findings(tmp_path, **OWN, price=price)
    assert found.rule == "price-unit"
    assert found.hint.endswith(f"that would be {unit}: {one}")
    assert rules(tmp_path, **OWN, price=price | {unit: float(one)}) == []


def test_rates_of_a_class_of_service_are_doubted_like_the_usual_ones(tmp_path: Path) -> None:
    price = {"input": 1, "output": 2, "tiers": {"fast": {"input": 0.000002, "output": 4}}}
    (found,) = findings(tmp_path, **OWN, price=price)
    assert found.rule == "price-unit"
    assert found.hint.endswith("that would be input: 2")


def test_what_is_charged_instead_of_a_price_that_rounds_is_said(tmp_path: Path) -> None:
    (found,) = findings(tmp_path, **OWN, price={"input": 0.0123456, "output": 1})
    assert found.message.endswith("a token: 0.012346 is charged")


def test_a_price_per_token_fails_a_strict_check_at_its_line_and_column(tmp_path: Path) -> None:
    config = tmp_path / "turnout.yaml"
    config.write_text(
        "version: 1\npolicy: policy.yaml\nbackends:\n  local:\n    base_url: http://127.0.0.1:1/v1\n"
        "    model: m\n    supports: []\n    price: {input: 0.0000025, output: 0.00001}\n"
    )
    (tmp_path / "policy.yaml").write_text("version: 1\nroutes: {auto: {candidates: [local]}}\n")
    asked = ["--strict", "--config", str(config)]
    result = CliRunner().invoke(check, asked)
    assert result.exit_code == 1
    assert "turnout.yaml:8:13: warning: `input` is 0.0000025 USD per million" in result.output
    config.write_text(config.read_text().replace("0.0000025", "2.5").replace("0.00001", "10"))
    result = CliRunner().invoke(check, asked)
    assert "USD per million" not in result.output


@pytest.mark.parametrize(
    ("backend", "doubted"),
    [
        ({"model": "MiniMax-M2"}, []),
        ({"model": "MiniMax-M2.5"}, ["priced-as-another"]),
        ({"model": "MiniMax-M2.5", "priced_as": "MiniMax-M2"}, []),
        ({"model": "MiniMax-M2.5", "price": {"input": 0.3, "output": 1.2}}, []),
        ({"model": "MiniMax-M2", "region": "cn"}, ["price-region"]),
        ({"model": "MiniMax-M2", "region": "cn", "price": {"input": 0.3, "output": 1.2}}, []),
    ],
)
def test_a_price_of_another_model_or_region_is_doubted_until_the_operator_says_so(
    tmp_path: Path, backend: dict[str, Any], doubted: list[str]
) -> None:
    assert rules(tmp_path, provider="minimax", **backend) == doubted


def test_a_model_priced_as_another_is_told_by_name_and_what_to_write(tmp_path: Path) -> None:
    (found,) = findings(tmp_path, provider="minimax", model="MiniMax-M2.5")
    assert "`MiniMax-M2.5` is priced as `MiniMax-M2`" in found.message
    assert "write `priced_as: MiniMax-M2` if that is right" in found.hint


@pytest.mark.parametrize(
    "where", [{"provider": "deepseek"}, {"base_url": "https://api.deepseek.com/v1"}]
)
def test_a_name_that_means_another_model_now_is_doubted_whoever_prices_it(
    tmp_path: Path, where: dict[str, str]
) -> None:
    price = {"input": 0.3, "output": 1.2}
    (found,) = findings(tmp_path, **where, model="deepseek-chat", price=price, supports=[])
    assert found.rule == "model-renamed"
    assert found.hint.startswith("write model: deepseek-v4-flash")


def test_a_model_that_the_list_says_is_being_retired_is_doubted(tmp_path: Path) -> None:
    row = {"id": "m", "match": {"equals": "m"}, "prices": {"input_mtok": 1, "output_mtok": 2}}
    listed = [{"id": "minimax", "name": "M", "api_pattern": "x", "models": [row]}]
    for deprecated, doubted in ((False, []), (True, ["model-retired"])):
        row["deprecated"] = deprecated
        (tmp_path / "list.json").write_text(
            json.dumps({"dated": "2026-11-29", "providers": listed})
        )
        assert rules(tmp_path, prices="list.json", provider="minimax", model="m") == doubted


def test_a_list_of_ones_own_in_the_wrong_unit_is_doubted_too(tmp_path: Path) -> None:
    row: dict[str, Any] = {"id": "m", "match": {"equals": "m"}}
    row["prices"] = {"input_mtok": 0.0000025, "output_mtok": 10}
    listed = [{"id": "minimax", "name": "M", "api_pattern": "x", "models": [row]}]
    (tmp_path / "list.json").write_text(json.dumps({"dated": "2026-11-29", "providers": listed}))
    (found,) = findings(tmp_path, prices="list.json", provider="minimax", model="m")
    assert found.rule == "price-unit"
    assert "0.000002 USD per million tokens of input" in found.message


@pytest.mark.parametrize(
    ("price", "doubted"),
    [
        ({"input": 5, "output": 30}, []),
        ({"input": 2, "output": 12}, []),
        ({"input": 0.5, "output": 30}, ["price-far"]),
        ({"input": 26, "output": 151}, ["price-far", "price-far"]),
    ],
)
def test_a_price_far_from_the_lists_is_doubted_at_its_address_too(
    tmp_path: Path, price: dict[str, float], doubted: list[str]
) -> None:
    openai = {"base_url": "https://api.openai.com/v1", "model": "gpt-5.5", "supports": []}
    assert rules(tmp_path, **openai, price=price) == doubted
    assert rules(tmp_path, provider="openai", model="gpt-5.5", price=price) == doubted


def test_a_price_that_the_list_had_once_is_said_to_be_old_and_since_when(tmp_path: Path) -> None:
    price = {"input": 0.14, "output": 0.28}
    (found,) = findings(tmp_path, provider="deepseek", model="deepseek-v4-flash", price=price)
    assert found.rule == "price-stale"
    assert "cost before 2026-08-17" in found.message
    assert "0.15 / 0.6 or 0.3 / 1.2" in found.hint


def test_a_list_is_doubted_when_it_knows_nothing_newer_than_half_a_year(tmp_path: Path) -> None:
    known = SHIPPED.dated(None, TODAY).day
    assert known is not None
    (tmp_path / "list.json").write_text(
        json.dumps(
            {"dated": str(known), "providers": [{"id": "x", "name": "x", "api_pattern": "x"}]}
        )
    )
    backend = {"provider": "openai", "model": "gpt-5.5"}
    assert rules(tmp_path, known + timedelta(days=OLD_DAYS), **backend) == []
    late = date(2027, 12, 1)
    (found,) = findings(tmp_path, late, **backend)
    assert found.rule == "prices-old"
    assert "genai-prices" in found.message
    assert rules(tmp_path, late, **backend, price={"input": 5, "output": 30}) == []


def test_a_model_that_is_not_listed_is_an_error_with_the_nearest_that_is(tmp_path: Path) -> None:
    config = tmp_path / "turnout.yaml"
    backend = "{provider: zhipu, model: glm-5.3-prime}"
    config.write_text(f"version: 1\nbackends:\n  b: {backend}\n")
    result = CliRunner().invoke(check, ["--config", str(config)])
    assert result.exit_code == 2
    assert "no list price is known for `glm-5.3-prime`" in result.output
    assert "did you mean `GLM-5.3`?" in result.output
    assert "write price: {input: USD, output: USD} per million tokens" in result.output
