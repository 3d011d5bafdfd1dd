"""The kept price list, compiled to our own integers: the same figures as the list's own sums."""

from datetime import UTC, datetime

import pytest
from genai_prices import Usage as ListUsage
from genai_prices import calc_price

from router.backends.catalog import load_catalog
from router.domain import Usage
from router.prices.list_prices import list_price, listed_models

MODELS = [
    ("openai", "gpt-5.5"),
    ("openai", "gpt-4o-mini"),
    ("anthropic", "claude-sonnet-5-5"),
    ("google", "gemini-3.8-flash"),
    ("deepseek", "deepseek-v4-flash"),
    ("mistral", "mistral-large-latest"),
    ("groq", "openai/gpt-oss-120b"),
]
INSTANTS = ["2026-07-01T12:00", "2026-08-20T12:00", "2026-11-21T03:00", "2026-11-21T12:00"]


@pytest.mark.parametrize(("provider", "model"), MODELS)
@pytest.mark.parametrize("at", INSTANTS)
@pytest.mark.parametrize("tokens", [1_000, 300_000])
def test_our_sums_are_the_lists_sums(provider: str, model: str, at: str, tokens: int) -> None:
    moment = datetime.fromisoformat(at).replace(tzinfo=UTC)
    usage = ListUsage(input_tokens=tokens, cache_read_tokens=500, output_tokens=700)
    theirs = calc_price(usage, model, provider_id=provider, genai_request_timestamp=moment)
    listed = list_price(provider, model)
    assert listed is not None
    ours = listed.schedule.at(int(moment.timestamp() * 1000))
    assert ours.cost(Usage(tokens, 700, 500)) == int(theirs.total_price * 10**12)


def test_a_model_that_is_not_listed_has_no_price_rather_than_none_to_pay() -> None:
    assert list_price("openai", "no-such-model") is None
    assert list_price("no-such-provider", "gpt-5.5") is None


def test_a_service_tier_has_its_own_price_or_none_at_all() -> None:
    at = int(datetime(2026, 11, 21, tzinfo=UTC).timestamp() * 1000)
    standard = list_price("openai", "gpt-5.5")
    flex = list_price("openai", "gpt-5.5", "flex")
    assert standard is not None
    assert flex is not None
    assert flex.schedule.at(at).input_pico * 2 == standard.schedule.at(at).input_pico
    assert list_price("groq", "openai/gpt-oss-120b", "priority") is None


def test_every_preset_with_list_prices_has_models_on_the_list() -> None:
    named = [provider.prices for provider in load_catalog().values() if provider.prices]
    assert len(named) >= 12
    assert all(listed_models(name) for name in named)
