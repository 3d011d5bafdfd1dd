"""What the ledger says that customers have used, on a real server."""

from datetime import UTC, datetime

import pytest
from ledgerkit import PRICE, Outside, reserve_request, used

from router.errors import LimitExceeded
from router.ledger.codec import CalendarState
from router.ledger.ledger import Ledger
from router.ledger.quotas.dimensions import PREPAID, Quota, quotas
from router.ledger.used import Whose, used_in

LIMITS = quotas(
    {
        "organization": {
            "tokens_per_day": 1000,
            "usd_per_month": {"pool": 10**12, "rollover": 0.5},
        },
        "team": {"requests_per_day": 7},
        "key": {
            "requests_per_minute": 10,
            "tokens_per_minute": {"limit": 600, "burst": 900},
            "concurrency": 5,
        },
        "user": {"requests_per_day": 3},
        "model": {"tokens_per_day": 400},
    }
)
WHOSE = Whose("acme", team="red", key="key1", user="ann", model="auto")


def _ms(month: int, day: int, hour: int = 0, minute: int = 0) -> int:
    return int(datetime(2026, month, day, hour, minute, tzinfo=UTC).timestamp() * 1000)


async def test_each_limit_tells_what_an_admission_would_see(ledger: Ledger) -> None:
    """Used, held and left of every kind of limit, while a request runs and after it."""
    request = reserve_request(LIMITS, team="red", user="ann")
    async with ledger.hold(request, used) as hold:
        hold.dispatched()
        (running,) = await ledger.used_of([(WHOSE, LIMITS)])
    assert await ledger.settled()
    (after,) = await ledger.used_of([(WHOSE, LIMITS)])
    by_name = {(each.level, each.dimension): each for each in running}
    assert len(by_name) == len(LIMITS)
    day = by_name["organization", "tokens_per_day"]
    assert (day.used, day.held, day.remaining, day.limit) == (100, 100, 900, 1000)
    assert by_name["key", "concurrency"].used == 1
    assert by_name["key", "requests_per_minute"].remaining == 9
    assert by_name["key", "tokens_per_minute"].limit == 900
    assert by_name["team", "requests_per_day"].remaining == 6
    assert by_name["user", "requests_per_day"].remaining == 2
    assert by_name["model", "tokens_per_day"].used == 100
    settled = {(each.level, each.dimension): each for each in after}
    assert settled["organization", "tokens_per_day"].used == 60
    assert settled["organization", "usd_per_month"].used == 60 * PRICE // 1000
    assert settled["key", "concurrency"].used == 0
    assert 840 <= settled["key", "tokens_per_minute"].remaining <= 900


async def test_a_denied_request_and_what_is_told_agree(ledger: Ledger) -> None:
    """What is said to be left is admitted to the last request, and not one more."""
    limits = quotas({"key": {"requests_per_minute": 3}})
    whose = Whose("acme", key="key1")
    for left in (3, 2, 1):
        ((told,),) = await ledger.used_of([(whose, limits)])
        assert told.remaining == left
        async with ledger.hold(reserve_request(limits), used) as hold:
            hold.dispatched()
    ((told,),) = await ledger.used_of([(whose, limits)])
    assert (told.remaining, told.share) == (0, 1.0)
    assert told.reset_at is not None
    assert told.reset_at > ledger.now()
    with pytest.raises(LimitExceeded):
        async with ledger.hold(reserve_request(limits), used):
            pass


async def test_a_balance_tells_what_was_granted_and_what_is_left(ledger: Ledger) -> None:
    """A prepaid balance is a limit as any other, and has no window."""
    limits = (Quota("organization", "prepaid_usd", PREPAID),)
    ((before,),) = await ledger.used_of([(Whose("acme"), limits)])
    assert (before.limit, before.used, before.share) == (0, 0, 1.0)
    await ledger.credit("acme", 5_000_000, "first")
    async with ledger.hold(reserve_request(limits), used) as hold:
        hold.dispatched()
    assert await ledger.settled()
    ((told,),) = await ledger.used_of([(Whose("acme"), limits)])
    assert (told.limit, told.used) == (5_000_000, 60 * PRICE // 1000)
    assert told.until is None
    assert told.reset_at is None


async def test_many_customers_are_asked_about_in_one_round_trip_and_nothing_changes(
    ledger: Ledger, outside: Outside
) -> None:
    """Who reads limits writes nothing; who is not named has no limit to tell."""
    async with ledger.hold(reserve_request(LIMITS), used) as hold:
        hold.dispatched()
    assert await ledger.settled()
    before = outside.dump()
    found = await ledger.used_of([(Whose(f"o{n}"), LIMITS) for n in range(50)] + [(WHOSE, ())])
    assert outside.dump() == before
    assert [len(each) for each in found] == [2] * 50 + [0]
    assert {each.level for each in found[0]} == {"organization"}


def test_a_window_that_has_ended_is_told_as_the_next_request_will_find_it() -> None:
    """Nothing of it is used any more, and what it left is carried over, up to its most."""
    quota = quotas({"organization": {"tokens_per_day": {"pool": 1000, "rollover": 0.25}}})[0]
    day = _ms(3, 1), _ms(3, 2)
    state = CalendarState(*day, used=100, held=0, left=0, limit=1000).numbers()
    told = used_in(state, quota, _ms(3, 2, 0, 30))
    assert (told.used, told.rolled_over, told.remaining) == (0, 250, 1250)
    assert (told.since, told.until) == (_ms(3, 2), _ms(3, 3))
    assert told.forecast is None  # half an hour says nothing of a day


def test_a_forecast_goes_on_at_the_rate_of_the_window_so_far() -> None:
    """A quarter of the day took 400 of 1,000 tokens: 1,600 by its end, and none left at 15:00."""
    quota = quotas({"organization": {"tokens_per_day": 1000}})[0]
    day = _ms(3, 1), _ms(3, 2)
    state = CalendarState(*day, used=400, held=0, left=0, limit=1000).numbers()
    told = used_in(state, quota, _ms(3, 1, 6))
    assert told.forecast == 1600
    assert told.exhausted_at == _ms(3, 1, 15)
    slow = CalendarState(*day, used=200, held=0, left=0, limit=1000).numbers()
    assert used_in(slow, quota, _ms(3, 1, 6)).exhausted_at is None
