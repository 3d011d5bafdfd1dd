"""What clients and operators read: durations, headers, denials, addresses, limits refused."""

import random
import struct
from collections import deque

import pytest

from router.ask import Media
from router.domain import Estimate
from router.ledger.codec import VECTOR
from router.ledger.estimate import (
    DEFAULT_OUTPUT,
    OutputHistory,
    estimate_output,
    estimate_tokens,
)
from router.ledger.keys import scope, shard_of, user_hash
from router.ledger.quotas.compiled_quotas import (
    CompiledQuotas,
    covered_output,
    levels_present,
)
from router.ledger.quotas.dimensions import DIMENSIONS, Options, Quota, QuotaError, quotas
from router.ledger.rate_limit_headers import denial, go_duration, rate_headers
from router.ledger.reserve_request import Budget
from router.ledger.server.address import AddressError, parse_address
from router.ledger.vectors import pack_estimate, wanted

LEVELS = levels_present(team=False, user=False)


@pytest.mark.parametrize(
    ("ms", "text"),
    [(0, "0s"), (12, "12ms"), (1000, "1s"), (1500, "1.5s"), (360_000, "6m0s"), (61_234, "1m1.234s"),
     (3_600_000, "1h0m0s"), (90_061_000, "25h1m1s")],
)  # fmt: skip
def test_durations_are_written_as_go_does(ms: int, text: str) -> None:
    assert go_duration(ms) == text


def test_every_span_of_a_minute_keeps_its_milliseconds() -> None:
    for ms in range(1000, 60_000):
        seconds, rest = divmod(ms, 1000)
        written = go_duration(ms)
        whole, _, part = written.removesuffix("s").partition(".")
        assert (int(whole), int(part.ljust(3, "0"))) == (seconds, rest)
        assert not part.endswith("0")


def test_used_shares_are_the_largest_of_each_window_and_none_from_an_allowance() -> None:
    made = quotas(
        {
            "key": {"requests_per_minute": 10, "tokens_per_day": 1000},
            "organization": {"requests_per_minute": 1000},
        }
    )
    compiled = CompiledQuotas(made, LEVELS)
    left = {"organization": 900, "key": 4}
    reply: list[int] = []
    for item in compiled.items:
        daily = item.row.period == "day"
        reply += (500 if daily else left[item.quota.level], 60_000)
    assert Budget(compiled, compiled.write(*reply)).used() == {"minute": 0.6, "day": 0.5}


def test_headers_show_the_tightest_level() -> None:
    made = quotas(
        {"key": {"requests_per_minute": 10}, "organization": {"requests_per_minute": 1000}}
    )
    compiled = CompiledQuotas(made, LEVELS)
    assert [item.quota.level for item in compiled.items] == ["organization", "key"]
    reply = [40, 900, 9, 6000]  # 40 of 1000 left, 9 of 10 left
    assert rate_headers(compiled, reply) == (
        ("x-ratelimit-limit-requests", "1000"),
        ("x-ratelimit-remaining-requests", "40"),
        ("x-ratelimit-reset-requests", "900ms"),
    )


def test_a_denial_by_rate_says_how_long_to_wait_and_rounds_up() -> None:
    compiled = CompiledQuotas(quotas({"key": {"tokens_per_minute": 30_000}}), LEVELS)
    error = denial(compiled, [1, 1, 2_001, 29_000, 2_500, 30_000, 0, 1000, 500], "gpt", "acme")
    assert error.message == (
        "Rate limit reached for gpt in organization acme on tokens per min (TPM): Limit 30000,"
        " Used 29000, Requested 2500. Please try again in 2.001s."
    )
    headers = dict(error.headers)
    assert (headers["retry-after"], headers["retry-after-ms"]) == ("3", "2001")
    assert "x-should-retry" not in headers


@pytest.mark.parametrize("name", DIMENSIONS)
def test_every_dimension_can_deny_in_words(name: str) -> None:
    limit = 10**12 if DIMENSIONS[name].money else 5
    compiled = CompiledQuotas(quotas({"team": {name: limit}}), ("team",))
    error = denial(compiled, [1, 1, 100, 4, 2, 5, 0, 1, 100], "auto", "acme")
    assert error.status == 429
    assert dict(error.headers)["x-turnout-limit"] == f"team:{name}"
    balance = DIMENSIONS[name].period == "endless"
    assert ("prepaid balance" if balance else DIMENSIONS[name].says) in error.message


@pytest.mark.parametrize(
    ("granted", "used", "says"),
    [
        (
            5_000_000_000, 5_000_000_000,
            "The prepaid balance of organization acme is used up: $0.00 left beside what running"
            " requests hold, and this request needs up to $0.0123."
            " Ask your provider to add credit.",
        ),
        (
            5_000_000_000, 4_990_000_001,
            "The prepaid balance of organization acme is too low for auto: $0.009999999 left beside"
            " what running requests hold, and this request needs up to $0.0123."
            " Send less, ask for fewer tokens, or ask your provider to add credit.",
        ),
        (
            5_000_000_000, 5_250_000_000,
            "The prepaid balance of organization acme is used up: overdrawn by $0.25 beside what"
            " running requests hold, and this request needs up to $0.0123."
            " Ask your provider to add credit.",
        ),
    ],
    ids=["empty", "low", "overdrawn"],
)  # fmt: skip
def test_a_balance_that_does_not_suffice_says_what_is_left_and_what_is_needed(
    granted: int, used: int, says: str
) -> None:
    compiled = CompiledQuotas(quotas({"organization": {"prepaid_usd": True}}), LEVELS)
    reply = [1, 1, -1, used, 12_300_000, granted, 0, 0, 0]
    error = denial(compiled, reply, "auto", "acme")
    assert (error.message, error.code) == (says, "insufficient_quota")
    assert ("x-should-retry", "false") in error.headers


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        ({"key": {"request_per_minute": 5}}, "is not a dimension"),
        ({"key": {"tokens_per_day": {"limit": 5, "burst": 9}}}, "only limits per minute"),
        ({"key": {"tokens_per_minute": {"limit": 10**12, "burst": 10**12}}}, "outside what"),
        ({"key": {"tokens_per_minute": -5}}, "outside what"),
    ],
)
def test_a_limit_that_cannot_be_kept_is_refused_with_a_remedy(limits: dict, says: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(QuotaError, match=says):
        quotas(limits)


@pytest.mark.parametrize("options", [Options(timezone="Mars/Base"), Options(billing_day=31)])
def test_a_calendar_that_does_not_exist_is_refused(options: Options) -> None:
    with pytest.raises(QuotaError):
        Quota("key", "tokens_per_month", 5, options)


def test_of_two_quotas_in_one_place_the_tighter_counts() -> None:
    both = (Quota("key", "requests_per_day", 9), Quota("key", "requests_per_day", 5))
    assert [item.quota.limit for item in CompiledQuotas(both, LEVELS).items] == [5]


def test_shares_of_a_pool_roll_over_and_money_is_kept_in_nano_usd() -> None:
    (pool,) = quotas({"organization": {"tokens_per_month": {"pool": 100, "rollover": 0.5}}})
    assert pool.options == Options(rollover=50)
    (money,) = quotas({"organization": {"usd_per_month": 200 * 10**12}})
    assert money.limit == 200 * 10**9


@pytest.mark.parametrize(
    ("url", "kind", "where"),
    [
        ("unix:///run/v.sock", "single", "/run/v.sock"),
        ("redis://h", "single", "h:6379"),
        ("rediss://u:p%40@h:7/2", "single", "h:7"),
        ("redis+sentinel://a,b:5/main/1", "sentinel", "a:26379"),
        ("redis+cluster://a:1,b:2", "cluster", "a:1"),
    ],
)
def test_addresses_are_understood(url: str, kind: str, where: str) -> None:
    address = parse_address(url)
    assert address.kind == kind
    assert str(address.nodes[0]) == where
    assert "p@" not in repr(address)


@pytest.mark.parametrize("url", ["http://h", "redis://h:port", "redis+sentinel://h", "redis://h/x"])
def test_an_address_that_cannot_be_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(AddressError) as refused:
        parse_address(url.replace("://", "://user:s3cret@"))
    assert "s3cret" not in str(refused.value)


def test_an_organization_stays_in_its_virtual_shard() -> None:
    assert shard_of("acme", 64) == shard_of("acme", 64) < 64


def test_scopes_never_hold_what_a_client_wrote() -> None:
    assert scope("organization", "acme") == "o:acme"
    assert scope("key", "a/b", "k").startswith("k:#")
    assert len(scope("model", "acme", "x" * 10_000)) < 50
    assert user_hash("bob", b"1") != user_hash("bob", b"2")


def test_prompts_are_bounded_from_above_by_their_bytes() -> None:
    assert estimate_tokens(3_000) == 1_016
    assert estimate_tokens(0, images=2) == 2_226


@pytest.mark.parametrize(
    ("media", "more"),
    [(Media(images=1, pixels=640 * 480), 0), (Media(images=1, pixels=1_500_000), 2_000 - 1_105),
     (Media(images=1, pixels=1 << 40), 4_784 - 1_105), (Media(audio=1, audio_seconds=60), 1_920),
     (Media(files=1, pages=10), 46_000), (Media(videos=1), 0), (Media(others=1), 0)],
)  # fmt: skip
def test_what_is_no_text_is_held_for_by_its_size_and_never_for_less_than_a_part(
    media: Media, more: int
) -> None:
    assert estimate_tokens(0, images=1, media=media) == estimate_tokens(0, images=1) + more


@pytest.mark.parametrize(
    ("way", "cap", "choices", "tokens"),
    [("worst", 4_000, 2, 8_000), ("worst", None, 1, 8_192), ("expected", None, 1, 300),
     ("expected", 100, 3, 300), ("chunk", 4_000, 1, 512), ("chunk", 100, 1, 100)],
)  # fmt: skip
def test_output_is_estimated_the_way_that_was_chosen(
    way: str, cap: int | None, choices: int, tokens: int
) -> None:
    got = estimate_output(cap=cap, choices=choices, way=way, expected=300, most=8_192)  # type: ignore[arg-type]
    assert got == tokens


def test_history_gives_what_most_answers_stay_under() -> None:
    history = OutputHistory()
    assert history.expected("k", "m") == DEFAULT_OUTPUT
    for length in range(100):
        history.observe("k", "m", length)
    assert history.expected("k", "m") == 96
    assert history.expected("other", "m") == DEFAULT_OUTPUT


def test_an_estimate_that_is_not_firm_needs_only_its_prompt_and_a_token() -> None:
    estimate = Estimate(10, 90, 1000, 100)
    ask, crash = pack_estimate(estimate, 7)
    assert wanted(estimate) == (1, 100, 10, 90, 1000)
    assert struct.unpack("<11d", ask) == (7, *wanted(estimate), 1, 11, 10, 1, 100)
    assert VECTOR.unpack(crash) == (1, 10, 10, 0, 100)


def test_a_hold_trimmed_by_a_small_limit_covers_less_output() -> None:
    compiled = CompiledQuotas(quotas({"key": {"tokens_per_minute": 50}}), LEVELS)
    assert covered_output(compiled, Estimate(10, 1024, 0)) == 40
    assert covered_output(compiled, Estimate(10, 30, 0)) == 30
    assert covered_output(compiled, Estimate(10, 1024, 0, firm=True)) == 1024


def test_the_expected_output_is_that_of_the_last_64_answers() -> None:
    chance, history, last = random.Random(3), OutputHistory(), deque[int](maxlen=64)
    for _ in range(1000):
        length = chance.choice([chance.randrange(5), chance.randrange(4000)])
        history.observe("key", "moe", length)
        last.append(length)
        known = sorted(last)[int(len(last) * 0.95)]
        assert history.expected("key", "moe") == (known if len(last) >= 8 else DEFAULT_OUTPUT)
