"""A class of service costs what it costs, as the answer tells it, and holds cover what is asked."""

from decimal import Decimal

import pytest

from router.domain import Usage
from router.prices.book import PriceBook
from router.prices.list_prices import list_price
from router.prices.price import Price, Step

USUAL = Price(100, 500, 10, 125, parts=(("cache_write_1h", 200),), units=(("web_search", 7),))
FAST = Price(600, 3000, 60)
NOW = 2**41
USED = Usage(10, 2, cached_tokens=4)


def book(**tiers: Price | Decimal) -> PriceBook:
    return PriceBook({"a": USUAL, "b": Price(1, 1, 1)}, lambda: NOW, {"a": tiers})


def test_the_class_that_served_is_charged() -> None:
    prices = book(fast=FAST, flex=Decimal("0.5"))
    assert prices.cost("a", USED) == 6 * 100 + 4 * 10 + 2 * 500
    assert prices.cost("a", USED._replace(tier="fast")) == 6 * 600 + 4 * 60 + 2 * 3000
    assert prices.cost("a", USED._replace(tier="flex")) == 6 * 50 + 4 * 5 + 2 * 250
    assert prices.cost("b", USED._replace(tier="fast")) == 12


def test_a_class_without_a_price_costs_what_the_usual_one_does() -> None:
    prices = book(fast=FAST)
    assert prices.cost("a", USED._replace(tier="scale")) == prices.cost("a", USED)


@pytest.mark.parametrize("tier", ["fast+us", "us+fast", "fast+us+unheard-of"])
def test_classes_that_count_at_once_multiply(tier: str) -> None:
    prices = book(fast=FAST, us=Decimal("1.1"))
    assert prices.cost("a", Usage(10, 2, tier=tier)) == 10 * 660 + 2 * 3300


def test_a_share_leaves_fees_as_they_are_and_scales_every_kind_of_token() -> None:
    prices = book(us=Decimal("1.1"))
    used = Usage(
        30, 0, cache_write_tokens=20, parts=(("cache_write_1h", 5),), units=(("web_search", 2),)
    )
    assert prices.cost("a", used) == 10 * 100 + 15 * 125 + 5 * 200 + 14
    # 125 pico times 1.1 is 137.5, rounded to the even 138.
    assert prices.cost("a", used._replace(tier="us")) == 10 * 110 + 15 * 138 + 5 * 220 + 14


def test_another_price_of_a_class_is_another_version() -> None:
    assert book(flex=Decimal("0.5")).version != book(flex=Decimal("0.6")).version
    assert book().version == PriceBook({"a": USUAL, "b": Price(1, 1, 1)}).version


# By hand, from the list: gpt-5 is 1.25 in, 10 out; priority twice that, flex half.
@pytest.mark.parametrize(
    ("tier", "usd"), [(None, "0.00225"), ("priority", "0.0045"), ("flex", "0.001125")]
)
def test_the_lists_classes_of_gpt_5(tier: str | None, usd: str) -> None:
    listed = list_price("openai", "gpt-5")
    assert listed is not None
    prices = PriceBook({"a": listed.schedule}, lambda: 1_795_000_000_000, {"a": listed.tiers})
    assert prices.cost("a", Usage(1000, 100, tier=tier)) == int(Decimal(usd) * 10**12)


def test_the_speed_of_a_model_is_a_class_of_it() -> None:
    listed = list_price("anthropic", "claude-opus-4-8")
    assert listed is not None
    assert "fast" in listed.tiers


def test_the_most_that_tokens_cost_covers_every_kind_that_may_be_among_them() -> None:
    prices = PriceBook({"a": USUAL}, lambda: NOW, when_asked=["a"])
    assert (prices.plain, prices.simple, prices.bare) == ({"a"}, set(), set())
    assert not prices.writes_unasked(["a"])
    assert prices.most(["a"], 10, 2) == (10 * 100 + 2 * 500, 10 * 100)
    assert prices.most(["a"], 10, 2, kinds=["cache_write"])[1] == 1250
    assert prices.most(["a"], 10, 2, kinds=["cache_write", "cache_write_1h"])[1] == 2000
    assert prices.most(["a"], 10, 2, units=(("web_search", 3),))[1] == 1000 + 21


def test_a_backend_that_fills_its_cache_unasked_is_never_plain() -> None:
    prices = PriceBook({"a": USUAL}, lambda: NOW)
    assert not prices.plain
    assert prices.writes_unasked(["a"])


def test_thoughts_and_sound_in_an_answer_are_held_for_at_their_price() -> None:
    price = Price(10, 50, 1, parts=(("reasoning", 90), ("audio_output", 70), ("audio_input", 99)))
    assert price.most(10, 2) == (10 * 10 + 2 * 90, 100)
    assert price.most(10, 2, ["audio_input"])[1] == 990


def test_a_class_that_is_asked_for_is_held_for_though_the_usual_one_may_serve() -> None:
    prices = book(fast=FAST, flex=Decimal("0.5"))
    usual = prices.most(["a"], 10, 2)
    assert prices.most(["a"], 10, 2, tier="fast") == (10 * 600 + 2 * 3000, 6000)
    assert prices.most(["a"], 10, 2, tier="flex") == usual


def test_steps_have_rates_of_parts_too() -> None:
    step = Step(100, 20, 60, 2, 25, (("cache_write_1h", 40),))
    price = Price(10, 50, 1, 12, (step,), parts=(("cache_write_1h", 20),))
    hour = (("cache_write_1h", 10),)
    assert price.cost(Usage(100, 0, cache_write_tokens=10, parts=hour)) == 90 * 10 + 10 * 20
    assert price.cost(Usage(101, 0, cache_write_tokens=10, parts=hour)) == 91 * 20 + 10 * 40


def test_a_hold_covers_a_prompt_that_turns_out_to_be_smaller_than_a_step() -> None:
    prices = PriceBook({"a": Price(10, 50, 10, steps=(Step(15, 1, 2, 1, 1),))}, lambda: NOW)
    assert prices.dearest(["a"], 26, 2) == (26 * 10 + 2 * 50, 260)
    assert prices.cost("a", Usage(15, 2)) == 250


def test_bare_is_a_backend_that_sells_fresh_tokens_and_nothing_dearer() -> None:
    local, searching = Price(1, 2, 1), Price(1, 2, 1, units=(("web_search", 1),))
    tiers = {"tiered": {"priority": Decimal(2)}}
    prices = PriceBook({"bare": local, "tiered": local, "searching": searching}, tiers=tiers)
    assert prices.simple == {"bare", "tiered", "searching"}
    assert prices.bare == {"bare"}


def test_a_rate_that_turns_out_to_be_missing_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    prices = PriceBook({"a": Price(10, 50, 1), "local": Price(0, 0, 0)})
    spoken = Usage(10, 0, parts=(("audio_input", 8), ("image_input", 1)))
    for _ in range(3):
        assert prices.cost("a", spoken) == 100
        assert prices.cost("local", spoken) == 0
    (record,) = caplog.records
    facts = vars(record)
    assert (facts["backend"], facts["key"], facts["charged_as"]) == ("a", "audio_input", "input")
    assert prices.unsaid == {("a", "audio_input")}
