"""Usage as every provider tells it, with its cost worked out by hand: `usage/PROVIDER.yaml`.

A case says `what` it shows, the `source` of its shape, the `answer` around the text, the `price` of
the backend (USD, as an operator writes it) or the `model` whose list price counts, the tokens by
counter, and the cost: the sum as a person writes it down, and what it comes to in USD.
"""

import ast
import operator
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from usage_answers import readings

from router.backends.catalog import load_catalog
from router.backends.dialects.table import DIALECTS
from router.counters import CACHED, INPUT, OUTPUT, REASONING, TOKENS, WRITTEN
from router.domain import Usage
from router.prices.book import PriceBook
from router.world.config import BackendSection
from router.world.resolve import resolve

FOLDER = Path(__file__).parent / "usage"
CATALOG = load_catalog()
OTHERS = "others"  # providers that are no rows of the catalog
PICO = 10**12
SUMS: dict[type, Callable[[Decimal, Decimal], Decimal]] = {
    ast.Add: operator.add,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


CASES = [
    pytest.param(path.stem, case, id=f"{path.stem}: {case['what']}")
    for path in sorted(FOLDER.glob("*.yaml"))
    for case in yaml.safe_load(path.read_text())
]


def worked_out(text: str) -> Decimal:
    """What a sum by hand comes to, exactly."""

    def value(node: ast.expr) -> Decimal:
        if isinstance(node, ast.BinOp):
            return SUMS[type(node.op)](value(node.left), value(node.right))
        assert isinstance(node, ast.Constant)
        return Decimal(repr(node.value))

    return value(ast.parse(text, mode="eval").body)


def counted(usage: Usage) -> dict[str, int]:
    """The tokens by counter, those that are not zero; input and output always."""
    of_fields = {
        CACHED: usage.cached_tokens,
        WRITTEN: usage.cache_write_tokens,
        REASONING: usage.reasoning_tokens,
        **dict(usage.parts),
    }
    some = {name: tokens for name, tokens in of_fields.items() if tokens}
    return {INPUT: usage.input_tokens, OUTPUT: usage.output_tokens, **some}


def book(provider: str, case: dict[str, Any]) -> PriceBook:
    section = {"provider": provider, "model": case.get("model", "m"), "price": case.get("price")}
    section |= {"api_key": "k", "base_url": "https://a.example/v1"}
    section |= {"reported_cost": True} if case.get("reported_cost") else {}
    if provider == OTHERS:
        del section["provider"]
    section = {name: held for name, held in section.items() if held is not None}
    result = resolve("b", BackendSection.model_validate(section))
    assert result.price is not None, result.problems
    return PriceBook({"b": result.price}, tiers={"b": result.tiers})


def protocol_of(provider: str, case: dict[str, Any]) -> str:
    dialect = "openai" if provider == OTHERS else CATALOG[provider].dialect
    own = DIALECTS[dialect].protocol.removeprefix("vertex-")
    return str(case.get("protocol", own))


@pytest.mark.parametrize(("provider", "case"), CASES)
def test_the_sum_by_hand_comes_to_what_is_written(provider: str, case: dict[str, Any]) -> None:
    assert worked_out(str(case["cost"])) == Decimal(str(case["usd"]))
    assert case["counts"].keys() <= TOKENS.keys()
    assert case["source"].startswith("https://")


@pytest.mark.parametrize(("provider", "case"), CASES)
def test_every_reader_takes_the_same_counts_from_an_answer_and_they_cost_what_they_must(
    provider: str, case: dict[str, Any]
) -> None:
    read = readings(protocol_of(provider, case), case["answer"])
    prices = book(provider, case)
    for reader, usage in read.items():
        assert counted(usage) == case["counts"], reader
        assert dict(usage.units) == case.get("fees", {}), reader
        assert (usage.tier, usage.estimated) == (case.get("tier"), False), reader
        assert prices.cost("b", usage) == Decimal(str(case["usd"])) * PICO, reader


def test_every_provider_of_the_catalog_has_a_fixture() -> None:
    assert {path.stem for path in FOLDER.glob("*.yaml")} == {*CATALOG, OTHERS}
