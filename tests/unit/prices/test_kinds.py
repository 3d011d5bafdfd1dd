"""Every kind of price that the list knows is read, or named as one that no answer tells."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from genai_prices.data import providers
from genai_prices.types import ModelPrice
from genai_prices.units import _get_registry

from router.counters import TOKENS
from router.domain import Usage
from router.prices.kinds import TOKEN_KINDS, UNIT_KINDS, UNREAD
from router.prices.list_prices import list_price
from router.prices.price import rate_of
from router.units import FEES, UNITS

READ = {word for words in TOKEN_KINDS.values() for word in words} | {
    word for words, _ in UNIT_KINDS.values() for word in words
}
# Of live voices and of annotated scans, which no operation asks for.
ELSEWHERE = {"input_text_messages_kcount", "input_annotated_document_kpages"}


def every_price() -> Iterator[ModelPrice]:
    for provider in providers:
        for model in provider.models:
            prices = model.prices if isinstance(model.prices, list) else [model]
            yield from [each.prices for each in prices]
            yield from [each.prices for each in model.price_variants or ()]


def test_the_table_has_a_place_for_each_word_of_the_list() -> None:
    assert set(_get_registry()._all_price_keys) == READ | UNREAD
    assert not READ & UNREAD


def test_no_price_in_the_list_is_left_unread() -> None:
    priced = {
        kind
        for price in every_price()
        for kind, value in vars(price).items()
        if value is not None and not kind.startswith("_")
    }
    assert priced - READ <= ELSEWHERE
    assert "cache_write_1h_mtok" in priced & READ


def test_every_counter_and_fee_can_be_priced_by_the_list_or_by_the_operator() -> None:
    assert set(TOKEN_KINDS) == set(TOKENS)
    assert set(UNIT_KINDS) <= {*UNITS, *FEES}


# By hand, from the list of genai-prices 0.2.3: USD per million tokens.
@pytest.mark.parametrize(
    ("provider", "model", "counter", "usd"),
    [
        ("anthropic", "claude-sonnet-4-5", "cache_write", "3.75"),
        ("anthropic", "claude-sonnet-4-5", "cache_write_1h", "6"),
        ("google", "gemini-2.5-flash", "audio_input", "1"),
        ("google", "gemini-2.5-flash", "cached_audio", "0.1"),
        ("google", "gemini-2.5-flash", "video_input", "0.3"),  # as any input
        ("google", "gemini-2.5-flash-image", "image_output", "30"),
        ("perplexity", "sonar-deep-research", "reasoning", "3"),
        ("perplexity", "sonar-deep-research", "citation", "2"),
    ],
)
def test_a_kind_of_token_costs_what_the_list_says(provider, model, counter, usd) -> None:
    listed = list_price(provider, model)
    assert listed is not None
    price = listed.schedule.prices[-1]
    assert rate_of(price, counter) == Decimal(usd) * 1_000_000


# By hand: USD for one of each.
@pytest.mark.parametrize(
    ("provider", "model", "unit", "usd"),
    [
        ("anthropic", "claude-sonnet-4-5", "web_search", "0.01"),
        ("openai", "gpt-4.1", "file_search", "0.0025"),
        ("perplexity", "sonar-pro", "request", "0.014"),
        ("openai", "tts-1", "character", "0.000015"),
        ("groq", "whisper-large-v3", "second", "0.000030833333"),
        ("mistral", "mistral-ocr-2512", "page", "0.002"),
    ],
)
def test_a_fee_costs_what_the_list_says(provider, model, unit, usd) -> None:
    listed = list_price(provider, model)
    assert listed is not None
    price = listed.schedule.prices[-1]
    assert dict(price.units)[unit] == Decimal(usd) * 10**12


def test_a_fee_of_a_request_is_paid_once_by_every_request() -> None:
    listed = list_price("perplexity", "sonar-pro")
    assert listed is not None
    price = listed.schedule.prices[-1]
    a_request = 14 * 10**9
    assert price.cost(Usage(1000, 100)) == a_request + 1000 * 3_000_000 + 100 * 15_000_000
    assert price.cost(Usage(units=(("request", 1),))) == a_request
    assert price.fresh(0, 0) == a_request
    assert price.most(0, 0) == (a_request, a_request)


def test_a_model_without_a_price_of_answers_says_so() -> None:
    embeddings = list_price("openai", "text-embedding-3-small")
    sound = list_price("groq", "whisper-large-v3")
    chat = list_price("openai", "gpt-5")
    assert embeddings is not None
    assert sound is not None
    assert chat is not None
    assert embeddings.missing == {"output"}
    assert sound.missing == {"input", "output"}
    assert chat.missing == set()
