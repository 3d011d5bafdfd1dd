"""Nothing is taken to be free: tokens and units need a price where they may be counted."""

from typing import Any

import pytest
from pydantic import ValidationError

from router.domain import Usage
from router.prices.book import PriceBook
from router.world.config import BackendSection
from router.world.resolve import Resolved, resolve

OWN = {"base_url": "http://127.0.0.1:1/v1", "model": "m"}
DOLLAR = 10**12


def resolved(**section: Any) -> Resolved:
    return resolve("b", BackendSection.model_validate(section))


def cost(result: Resolved, usage: Usage) -> int:
    assert result.price is not None
    return PriceBook({"b": result.price}).price("b", at=2**40).cost(usage)


def test_a_unit_costs_what_is_written_and_tokens_need_no_price_beside_it() -> None:
    result = resolved(**OWN, serves=["reranking"], price={"search": 0.002})
    assert not result.problems
    assert cost(result, Usage(9, 9, units=(("search", 3),))) == 6 * DOLLAR // 1000


def test_an_operation_whose_unit_has_no_price_is_named_with_what_to_write() -> None:
    (problem,) = resolved(**OWN, serves=["reranking"], price={"input": 1, "output": 1}).problems
    assert problem.key == "serves"
    assert "`b` serves `reranking`" in problem.message
    assert "price: {search: USD}" in problem.hint


def test_a_unit_beside_the_list_leaves_tokens_at_their_list_price() -> None:
    section = {"provider": "openai", "model": "gpt-4o", "serves": ["chat", "reranking"]}
    listed = resolved(provider="openai", model="gpt-4o")
    both = resolved(**section, price={"search": 0.5})
    assert not both.problems
    usage = Usage(1000, 100)
    assert cost(both, usage) == cost(listed, usage) > 0
    assert cost(both, usage._replace(units=(("search", 1),))) == cost(listed, usage) + DOLLAR // 2


@pytest.mark.parametrize("serves", [None, ["chat", "reranking"], ["moderation"]])
def test_tokens_that_may_be_counted_need_a_price(serves: list[str] | None) -> None:
    section = OWN if serves is None else OWN | {"serves": serves}
    (problem,) = resolved(**section, price={"search": 1}).problems
    assert "no list price is known" in problem.message


@pytest.mark.parametrize("price", [{}, {"input": 1}, {"output": 1, "search": 1}])
def test_input_and_output_are_priced_together(price: dict[str, int]) -> None:
    with pytest.raises(ValidationError, match="both `input` and `output`"):
        BackendSection.model_validate(OWN | {"price": price})


def test_an_unknown_operation_is_refused_with_those_that_are_known() -> None:
    problem, *_ = resolved(**OWN, serves=["telepathy"]).problems
    assert (problem.key, problem.message) == ("serves", "unknown operation `telepathy`")
    assert "known: chat" in problem.hint
    with pytest.raises(ValidationError):
        BackendSection.model_validate(OWN | {"serves": []})
