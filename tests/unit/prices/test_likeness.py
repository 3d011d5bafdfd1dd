"""A row of the list prices its own model's names, and is doubted for another's."""

import pytest

from router.backends.catalog import load_catalog
from router.prices.likeness import is_same_model
from router.prices.price_list import SHIPPED

OWN = [
    ("minimax", "minimax-m2"),
    ("anthropic", "claude-sonnet-5-5-20261101"),
    ("aws", "us.anthropic.claude-opus-4-8-v1:0"),
    ("azure", "gpt-5.5"),
    ("deepseek", "deepseek-v4-flash-0731"),
    ("fireworks", "accounts/fireworks/models/glm-5p2"),
    ("groq", "openai/gpt-oss-120b"),
    ("mistral", "mistral-large-latest"),
    ("openai", "gpt-4o-2024-11-20"),
    ("openai", "gpt-5-codex"),
    ("openai", "ft:gpt-4o-2024-08-06:acme::AbC1"),
    ("zai", "glm-5.3"),
]
ANOTHERS = [
    ("minimax", "MiniMax-M2.5", "MiniMax-M2"),
    ("minimax", "MiniMax-M2.1", "MiniMax-M2"),
    ("deepseek", "deepseek-chat-v3-0324", "deepseek-chat"),
    ("deepseek", "deepseek-r1", "deepseek-reasoner"),
    ("openai", "gpt-realtime-2.1", "gpt-realtime-2"),
    ("openrouter", "anthropic/claude-opus-4.1", "anthropic/claude-opus-4"),
    ("x-ai", "grok-latest", "grok-4.5"),
]


@pytest.mark.parametrize(("provider", "model"), OWN)
def test_a_model_under_another_spelling_host_snapshot_or_listed_name_is_itself(
    provider: str, model: str
) -> None:
    row = SHIPPED.find(provider, model)
    assert row is not None
    assert is_same_model(model, row)


@pytest.mark.parametrize(("provider", "model", "other"), ANOTHERS)
def test_a_model_that_falls_to_the_row_of_another_is_told(
    provider: str, model: str, other: str
) -> None:
    row = SHIPPED.find(provider, model)
    assert row is not None
    assert row.id == other
    assert not is_same_model(model, row)


def test_hardly_a_row_is_doubted_under_the_name_that_it_is_listed_by() -> None:
    doubted = [
        (provider, name)
        for provider in {each.prices for each in load_catalog().values() if each.prices}
        for name in SHIPPED.names(provider)
        if (row := SHIPPED.find(provider, name)) is not None and not is_same_model(name, row)
    ]
    assert len(doubted) <= 3, doubted
