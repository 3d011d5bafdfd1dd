"""The worked examples of docs/costs.md: read off the page, and put through readers and prices."""

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from test_usage_golden import PICO, protocol_of, worked_out
from usage_answers import readings

from router.prices.book import PriceBook
from router.world.config import BackendSection
from router.world.price_section import PriceSection
from router.world.resolve import resolve

PAGE = (Path(__file__).parents[2] / "docs" / "costs.md").read_text("utf-8")
(BLOCK,) = re.findall(r"```yaml\n(.+?)```", PAGE, re.DOTALL)
EXAMPLES = [pytest.param(each, id=each["what"]) for each in yaml.safe_load(BLOCK)]
IN_FORCE = 1_796_000_000_000  # 30 November 2026


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_worked_example_of_the_page_is_true(example: dict[str, Any]) -> None:
    usd = Decimal(str(example["usd"]))
    assert worked_out(example["cost"]) == usd
    backend = example["backend"]
    result = resolve("b", BackendSection.model_validate(backend | {"api_key": "k"}))
    assert result.price is not None
    book = PriceBook({"b": result.price}, lambda: IN_FORCE, {"b": result.tiers})
    for reader, usage in readings(
        protocol_of(backend.get("provider", "others"), {}), example["answer"]
    ).items():
        assert book.cost("b", usage) == usd * PICO, reader


def test_the_page_has_examples_of_every_kind() -> None:
    kinds = ("priority", "hour", "speech", "200,000", "proxy", "searches")
    told = [example.values[0]["what"] for example in EXAMPLES]
    assert all(any(kind in what for what in told) for kind in kinds)


def test_the_page_names_everything_that_a_price_may_say() -> None:
    named = set(re.findall(r"[a-z_0-9]+", PAGE))
    assert named >= PriceSection.model_fields.keys()
