"""What docs/quotas.md promises exists, and what exists is there."""

import re
from pathlib import Path

import pytest
from click import Command

from router.ask import Media
from router.cli.ledger import ledger
from router.ledger.estimate import estimate_tokens
from router.ledger.quotas.compiled_quotas import CompiledQuotas
from router.ledger.quotas.dimensions import DIMENSIONS, quotas
from router.ledger.rate_limit_headers import denial
from router.ledger.reserve_request import ReserveRequest
from router.ledger.server.address import _SCHEMES
from router.ledger.server.startup import SHARDS

TEXT = (Path(__file__).parents[2] / "docs" / "quotas.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", DIMENSIONS)
def test_every_dimension_is_documented_with_its_code(name: str) -> None:
    row = next(
        line
        for line in TEXT.splitlines()
        if line.startswith("| `") and f"`{name}`" in line.split("|")[1]
    )
    assert DIMENSIONS[name].code in row or "the same" in row


@pytest.mark.parametrize("command", ledger.commands.values(), ids=lambda command: command.name)
def test_every_command_is_documented(command: Command) -> None:
    assert f"turnout ledger {command.name}" in TEXT


def test_every_kind_of_address_is_documented() -> None:
    for scheme in ("unix", "redis", "rediss", "redis+sentinel", "redis+cluster"):
        assert f"`{scheme}://" in TEXT
        assert scheme == "unix" or scheme in _SCHEMES
    assert f"one of {SHARDS} virtual" in TEXT


def test_the_example_of_a_429_is_what_the_gateway_says() -> None:
    compiled = CompiledQuotas(quotas({"key": {"tokens_per_minute": 30_000}}), ("key",))
    error = denial(compiled, [1, 1, 2_001, 29_000, 2_500, 30_000, 0, 1000, 500], "auto", "acme")
    assert error.message in re.sub(r"\s+", " ", TEXT)
    prepaid = CompiledQuotas(quotas({"organization": {"prepaid_usd": True}}), ("organization",))
    error = denial(prepaid, [1, 1, -1, 5, 12_300_000, 5, 0, 0, 0], "auto", "acme")
    assert error.message in re.sub(r"\s+", " ", TEXT)


def test_what_a_part_that_is_no_text_is_held_for_is_as_told() -> None:
    one = estimate_tokens(0, images=1, media=Media()) - estimate_tokens(0)
    page = estimate_tokens(0, images=1, media=Media(files=1, pages=1)) - estimate_tokens(0) - one
    second = estimate_tokens(0, images=1, media=Media(audio=1, audio_seconds=1))
    second -= estimate_tokens(0) + one
    finest = estimate_tokens(0, images=1, media=Media(images=1, pixels=1 << 40))
    finest -= estimate_tokens(0)
    assert f"beside {one:,} tokens for each part" in TEXT
    assert f"{page:,} tokens a page" in TEXT
    assert f"{second} tokens a second" in TEXT
    assert f"at most {finest:,}" in TEXT


def test_the_arithmetic_of_the_examples_is_right() -> None:
    assert estimate_tokens(3_000) == 1_016
    assert 20_000 - (1_016 + 4_000) == 14_984
    assert 5_016 - (812 + 350) == 3_854
    assert ReserveRequest.__dataclass_fields__["outage_share"].default == 0.0
