"""A rate that nobody says is a mistake that `check` names, with what to write."""

from typing import Any

import pytest

from router.domain import Usage
from router.prices.book import PriceBook
from router.world.config import BackendSection
from router.world.resolve import Resolved, resolve

OWN = {"base_url": "http://127.0.0.1:1/v1", "model": "m"}
GPT = {"provider": "openai", "model": "gpt-5"}
CLAUDE = {"provider": "anthropic", "model": "claude-sonnet-4-5"}
NOW = 1_795_000_000_000


def resolved(**section: Any) -> Resolved:
    return resolve("b", BackendSection.model_validate(section))


def cost(result: Resolved, usage: Usage) -> int:
    assert result.price is not None
    return PriceBook({"b": result.price}, lambda: NOW, {"b": result.tiers}).cost("b", usage)


def missing(**section: Any) -> dict[str, str]:
    return dict(resolved(**section).missing)


def test_what_the_list_tells_apart_must_be_told_apart_by_a_price_of_ones_own() -> None:
    assert missing(**GPT, price={"input": 1, "output": 8}) == {
        "cached_input": "0.125",
        "file_search": "0.0025",
        "web_search": "0.01",
        "tiers": "{fast: 2, flex: 0.5, priority: 2}",
    }


def test_a_price_that_says_all_of_it_lacks_nothing() -> None:
    whole = {"input": 1, "output": 8, "cached_input": 0.1, "web_search": 0.01}
    tiers = {"flex": 0.5, "priority": 2, "fast": {"input": 2, "output": 16}}
    assert not missing(**GPT, price={**whole, "file_search": 0, "tiers": tiers})


@pytest.mark.parametrize("price", [{"input": 0, "output": 0}, {"cached_input": 1}, {"times": 0.9}])
def test_what_is_free_or_the_lists_own_lacks_nothing(price: dict[str, Any]) -> None:
    assert not missing(**GPT, price=price)


def test_servers_that_count_what_they_write_to_a_cache_need_its_prices() -> None:
    price = {"input": 3, "output": 15}
    assert missing(**OWN, dialect="anthropic", price=price) == {
        "cache_write": "USD",
        "cache_write_1h": "USD",
    }
    assert not missing(**OWN, price=price)
    assert not missing(**CLAUDE)
    whole = price | {"cache_write": 3.75, "cache_write_1h": 6}
    assert not missing(**OWN, dialect="anthropic", price=whole)


def test_the_operator_says_one_rate_and_the_list_the_others() -> None:
    result = resolved(**CLAUDE, price={"cache_write_1h": 7, "web_search": 0.02})
    used = Usage(
        100, 10, cache_write_tokens=60, parts=(("cache_write_1h", 40),), units=(("web_search", 1),)
    )
    tokens = 40 * 3_000_000 + 20 * 3_750_000 + 40 * 7_000_000 + 10 * 15_000_000
    assert cost(result, used) == tokens + 2 * 10**10


def test_a_discount_on_the_list_is_one_number() -> None:
    result = resolved(**GPT, price={"times": 0.8})
    assert cost(result, Usage(1000, 100)) == 1000 * 1_000_000 + 100 * 8_000_000
    priority = Usage(1000, 100, tier="priority")
    assert cost(result, priority) == 2 * cost(result, Usage(1000, 100))
    searched = Usage(1000, 100, units=(("web_search", 1),))
    assert cost(result, searched) == cost(result, Usage(1000, 100)) + 10**10


def test_a_discount_is_of_the_list_alone() -> None:
    with pytest.raises(ValueError, match="multiplies the list's prices"):
        resolved(**GPT, price={"input": 1, "output": 1, "times": 0.8})


def test_where_inference_ran_is_a_class_of_its_own() -> None:
    result = resolved(**CLAUDE)
    assert cost(result, Usage(1000, 0, tier="us")) == 1000 * 3_300_000


@pytest.mark.parametrize("wrong", [0, -1, 21, "2", True])
def test_a_class_is_priced_by_rates_or_by_a_number(wrong: Any) -> None:
    with pytest.raises(ValueError, match="multiple of a price"):
        resolved(**GPT, price={"tiers": {"flex": wrong}})


def test_a_model_without_answers_takes_the_lists_price_where_it_answers_nothing() -> None:
    embeddings = {"provider": "openai", "model": "text-embedding-3-small"}
    assert not resolved(**embeddings, serves=["embedding"]).problems
    (problem,) = resolved(**embeddings).problems
    assert "no list price is known" in problem.message


def test_a_rate_finer_than_a_pico_is_rounded_not_cut() -> None:
    result = resolved(**OWN, price={"input": 0.0000026, "output": 1})
    assert cost(result, Usage(1)) == 3
