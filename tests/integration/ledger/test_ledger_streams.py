"""Streams that grow, users without number, and time zones that change."""

import time
from collections.abc import Callable

from ledgerkit import Outside, RoundTrips, reserve_request, used

from router.errors import LimitExceeded
from router.ledger.ledger import Ledger
from router.ledger.quotas.calendar import window_at
from router.ledger.quotas.dimensions import Options, Quota, quotas
from router.ledger.server.embedded import Embedded

DAY = 86_400_000


async def test_a_stream_is_topped_up_chunk_by_chunk_until_its_pool_is_empty(
    ledger: Ledger, outside: Outside
) -> None:
    asked = reserve_request({"organization": {"tokens_per_day": 2_000}}, output_tokens=512)
    async with ledger.hold(asked, lambda: used(10, 1_990)) as hold:
        hold.dispatched()
        trips = RoundTrips(ledger)
        assert await hold.cover(500)
        assert await hold.cover(512)
        assert trips.count == 0  # covered: no round trip
        assert await hold.cover(513)
        assert trips.count == 1
        assert await hold.cover(1_536)
        assert await hold.cover(1_990)  # the last chunk does not fit, what is missing does
        assert not await hold.cover(1_991)
        assert outside.scopes()["o:acme"]["tpd"][3] == 2_000
    assert await ledger.settled()
    assert outside.scopes()["o:acme"]["tpd"][2:4] == (2_000, 0)


async def test_overage_becomes_debt_and_is_never_lost(ledger: Ledger, outside: Outside) -> None:
    asked = reserve_request({"key": {"tokens_per_minute": 100, "tokens_per_day": 1_000}}, firm=True)
    async with ledger.hold(asked, lambda: used(10, 400)) as hold:
        hold.dispatched()
    assert await ledger.settled()
    assert sum(outside.scopes()["k:acme/key1"]["tpm"][1:]) == 410
    assert outside.scopes()["k:acme/key1"]["tpd"][2] == 410
    assert await denied_by(ledger, lambda: reserve_request(asked.quotas)) == "key:tokens_per_minute"


async def denied_by(ledger: Ledger, make: Callable[[], object]) -> str:
    try:
        async with ledger.hold(make(), used):  # type: ignore[arg-type]
            return ""
    except LimitExceeded as denied:
        return dict(denied.headers)["x-turnout-limit"]


async def test_every_level_counts_and_the_tightest_speaks(ledger: Ledger, outside: Outside) -> None:
    for level, who in (
        ("organization", {"key": "other", "team": "other", "user": "other", "model": "other"}),
        ("team", {"key": "other", "user": "other", "model": "other", "team": "ml"}),
        ("key", {"user": "other", "model": "other", "team": "other"}),
        ("user", {"key": "other", "user": "bob"}),
        ("model", {"key": "other", "model": "premium"}),
    ):
        outside.client.flushdb()
        quota = (Quota(level, "requests_per_day", 1),)
        first = reserve_request(quota, team="ml", user="bob", model="premium")
        async with ledger.hold(first, used) as hold:
            hold.dispatched()
        assert await ledger.settled()
        same = reserve_request(quota, **who)
        assert await denied_by(ledger, lambda again=same: again) == f"{level}:requests_per_day"
        other = reserve_request(quota, organization="bolt", **who)
        assert await denied_by(ledger, lambda another=other: another) == ""
        assert await ledger.settled()


async def test_users_beyond_the_days_count_share_one_scope(
    server: Embedded, outside: Outside
) -> None:
    ledger = await Ledger.connect(server.url, command_seconds=5, users_per_day=20)
    limits = quotas({"user": {"requests_per_day": 2}})
    denied = 0
    for n in range(30):
        denied += await denied_by(ledger, lambda: reserve_request(limits, user=f"u{n}")) != ""  # noqa: B023
    assert await ledger.settled()
    assert denied == 0  # nobody was served: refunded
    users = [name for name in outside.scopes() if name.startswith("u:")]
    assert len(users) == 21
    assert "u:acme/~" in users
    await ledger.close()


async def test_a_thousand_users_take_less_than_a_kilobyte_each(
    server: Embedded, outside: Outside
) -> None:
    ledger = await Ledger.connect(server.url, command_seconds=5)
    limits = quotas({"user": {"requests_per_minute": 9, "tokens_per_day": 9_999}})
    before = outside.client.info("memory")["used_memory"]
    for n in range(1_000):
        async with ledger.hold(reserve_request(limits, user=f"user-{n}"), used) as hold:
            hold.dispatched()
    assert await ledger.settled()
    for key in (*outside.client.keys("lg:{*}:j"), *outside.client.keys("lg:{*}:r:*")):
        outside.client.delete(key)
    each = (outside.client.info("memory")["used_memory"] - before) / 1_000
    assert each < 1_000
    await ledger.close()


async def test_a_policy_change_takes_effect_at_once_and_resets_nothing(
    ledger: Ledger, outside: Outside
) -> None:
    for limit, expected in (
        (3, ""),
        (1, "key:requests_per_day"),
        (2, ""),
        (2, "key:requests_per_day"),
    ):
        quota = quotas({"key": {"requests_per_day": limit}})
        try:
            async with ledger.hold(reserve_request(quota), used) as hold:
                hold.dispatched()
            spoke = ""
        except LimitExceeded as denied:
            spoke = dict(denied.headers)["x-turnout-limit"]
        assert await ledger.settled()
        assert spoke == expected


async def test_another_time_zone_acts_at_the_next_boundary_and_keeps_what_was_used(
    ledger: Ledger, outside: Outside
) -> None:
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago", "UTC"):
        quota = (Quota("key", "requests_per_day", 9, Options(timezone=zone)),)
        async with ledger.hold(reserve_request(quota), used) as hold:
            hold.dispatched()
        assert await ledger.settled()
    assert outside.scopes()["k:acme/key1"]["rpd"][2] == 3


async def test_an_ended_window_rolls_over_what_its_pool_did_not_use(
    ledger: Ledger, outside: Outside
) -> None:
    quota = (Quota("key", "tokens_per_day", 1_000, Options(rollover=500)),)
    async with ledger.hold(reserve_request(quota), lambda: used(10, 290)) as hold:
        hold.dispatched()
    assert await ledger.settled()
    (key,) = outside.client.keys("*:s:k:acme/key1")
    start, end, *rest = outside.scopes()["k:acme/key1"]["tpd"]
    outside.tweak(key, "Ctpd", (start - DAY, end - DAY, *rest))  # as if it had been yesterday
    large = reserve_request(quota, input_tokens=10, output_tokens=1_490, firm=True)
    async with ledger.hold(large, lambda: used(10, 100)) as hold:
        hold.dispatched()
        assert outside.scopes()["k:acme/key1"]["tpd"][3] == 1_500
    assert await ledger.settled()


async def test_a_gateway_whose_clock_is_days_off_counts_in_the_ledgers_day(
    ledger: Ledger, outside: Outside
) -> None:
    limits = quotas({"key": {"tokens_per_day": 10_000}})
    today = window_at(time.time_ns() // 1_000_000, "day")
    for days in (-3, 3):
        ledger._calls.set_clock(ledger.now() + days * DAY)
        for calls in (3, 2):  # it learns from the first answer
            trips = RoundTrips(ledger)
            async with ledger.hold(reserve_request(limits), used) as hold:
                hold.dispatched()
            assert await ledger.settled()
            assert trips.count == calls
    state = outside.scopes()["k:acme/key1"]["tpd"]
    assert state[:4] == (today.start, today.end, 4 * 60, 0)
