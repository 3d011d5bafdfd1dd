"""Runs of agents at the ledger: one purse for a run, its sub-agents and its children."""

import pytest
from ledgerkit import Outside, RoundTrips, reserve_request, used

from policies.money import PICO_PER_USD
from router.errors import LimitExceeded
from router.ledger.hold import Hold
from router.ledger.ledger import Ledger
from router.ledger.quotas.dimensions import quotas
from router.ledger.reserve_request import ReserveRequest, Run, RunLeft

PURSE = {"usd": 10**9 * PICO_PER_USD // 10**6, "tokens": 1_000, "requests": 10, "repeats": 10**6}
LIMITS = quotas({"organization": {"tokens_per_day": 10**9}, "run": PURSE})
HOUR = 3_600_000
NONE = (-1, -1, -1)


def run(
    name: str,
    parent: str | None = None,
    ceilings: tuple[int, int, int] = NONE,
    *,
    body: bytes = b"{}",
    most_open: int = 100,
) -> Run:
    return Run(name, parent, ceilings, HOUR, most_open, body)


def asked(of: Run, organization: str = "acme", **estimate: int) -> ReserveRequest:
    return reserve_request(LIMITS, organization=organization, run=of, **estimate)  # type: ignore[arg-type]


async def served(ledger: Ledger, request: ReserveRequest, output: int = 50) -> RunLeft:
    async with ledger.hold(request, lambda: used(10, output)) as hold:
        hold.dispatched()
    return left(hold)


def left(hold: Hold) -> RunLeft:
    budget = hold.admission.budget
    assert budget is not None
    return budget.run()


async def test_a_run_is_charged_for_all_of_its_requests_and_stops_where_its_purse_ends(
    ledger: Ledger, outside: Outside
):
    for n in range(1, 11):
        share = (await served(ledger, asked(run("r1")), output=40)).used_share
        assert share == pytest.approx(max(n / 10, ((n - 1) * 50 + 100) / 1000))
        await ledger.settled()
    assert outside.scopes()["r:acme/r1"]["tokr"][:2] == (500, 0)
    with pytest.raises(LimitExceeded) as refused:
        await served(ledger, asked(run("r1")))
    assert refused.value.code == "insufficient_quota"
    assert "This run's budget is used up: 10 of 10 requests. Stop, or ask" in str(refused.value)
    assert dict(refused.value.headers)["x-should-retry"] == "false"
    assert dict(refused.value.headers)["x-turnout-limit"] == "run:requests"
    await served(ledger, asked(run("r2")))  # another run, and the same of another customer
    await served(ledger, asked(run("r1"), "bolt"))


async def test_what_runs_at_once_is_held_before_it_is_spent_and_comes_back(ledger: Ledger):
    first = ledger.hold(asked(run("r1"), output_tokens=890), lambda: used(10, 90))
    async with first as hold:
        hold.dispatched()
        with pytest.raises(LimitExceeded) as refused:  # a sub-agent beside it
            await served(ledger, asked(run("r1"), output_tokens=290))
        assert refused.value.code == "rate_limit_exceeded"  # it comes back: waiting helps
        assert "x-should-retry" not in dict(refused.value.headers)
    await ledger.settled()
    await served(ledger, asked(run("r1"), output_tokens=290))


async def test_a_new_id_that_names_its_parent_is_no_new_money(ledger: Ledger, outside: Outside):
    await served(ledger, asked(run("r1")))
    await served(ledger, asked(run("child", "r1")))
    await served(ledger, asked(run("child")))  # once is enough
    await served(ledger, asked(run("grandchild", "child")))
    await served(ledger, asked(run("orphan", "not-seen-yet")))
    await ledger.settled()
    scopes = outside.scopes()
    assert scopes["r:acme/r1"]["reqr"][0] == 4
    assert scopes["r:acme/not-seen-yet"]["reqr"][0] == 1
    assert "r:acme/child" not in scopes
    assert "r:acme/grandchild" not in scopes


async def test_a_header_only_lowers_the_purse_and_for_all_who_share_it(ledger: Ledger):
    await served(ledger, asked(run("r1", ceilings=(2, -1, -1))))
    await served(ledger, asked(run("r1", ceilings=(50, 10**9, -1))))  # no higher again
    for name, parent in (("r1", None), ("child", "r1")):
        with pytest.raises(LimitExceeded, match="2 of 2 requests"):
            await served(ledger, asked(run(name, parent)))
    with pytest.raises(LimitExceeded, match=r"This run's budget is used up: \$0"):
        await served(ledger, asked(run("r2", ceilings=(-1, -1, 0))))


async def test_an_organization_has_no_more_runs_open_than_it_may(ledger: Ledger, outside: Outside):
    for name in ("r1", "r2"):
        await served(ledger, asked(run(name, most_open=2)))
    with pytest.raises(LimitExceeded) as refused:
        await served(ledger, asked(run("r3", most_open=2)))
    assert refused.value.code == "too_many_runs"
    assert dict(refused.value.headers)["x-should-retry"] == "false"
    assert "r:acme/r3" not in outside.scopes()
    await served(ledger, asked(run("r1", most_open=2)))
    await served(ledger, asked(run("r3", most_open=2), "bolt"))


async def test_a_purse_expires_when_it_was_idle_and_settling_keeps_that(
    ledger: Ledger, outside: Outside
):
    await served(ledger, asked(run("r1")))
    await served(ledger, asked(run("child", "r1")))
    await ledger.settled()
    mine = [key for key in outside.dump() if b"r:acme" in key or b":o:o:acme" in key]
    assert len(mine) == 3  # the purse, the child's alias, the open runs
    assert all(0 < outside.client.pttl(key) <= HOUR for key in mine)


async def test_equal_requests_of_a_run_are_counted_by_hash_alone(ledger: Ledger, outside: Outside):
    told = [await served(ledger, asked(run("r1", body=b"hush words"))) for _ in range(3)]
    assert [each.repeats for each in told] == [1, 2, 3]
    assert (await served(ledger, asked(run("r1", body=b"others")))).repeats == 1
    assert all(b"hush" not in raw for raw in outside.dump().values())


async def test_a_tier_may_refuse_what_a_run_sends_again_and_again(ledger: Ledger):
    limits = quotas({"run": PURSE | {"repeats": 2}})
    request = reserve_request(limits, run=run("r1"))
    for _ in range(2):
        await served(ledger, request)
    with pytest.raises(LimitExceeded) as refused:
        await served(ledger, request)
    assert refused.value.code == "repeated_request"
    assert "sent this very request 2 times" in str(refused.value)


async def test_a_run_costs_no_round_trip_more(ledger: Ledger):
    trips = RoundTrips(ledger)
    await served(ledger, asked(run("child", "r1", (5, -1, -1))))
    await ledger.settled()
    assert trips.count == 2


async def test_a_stream_grows_within_the_purse_of_its_run_and_ends_with_it(
    ledger: Ledger, outside: Outside
):
    request = asked(run("r1", ceilings=(-1, 700, -1)))
    async with ledger.hold(request, lambda: used(10, 690)) as hold:
        hold.dispatched()
        assert await hold.cover(600)
        assert not await hold.cover(1_200)
        assert outside.scopes()["r:acme/r1"]["tokr"][:2] == (0, 612)
    await ledger.settled()
    assert outside.scopes()["r:acme/r1"]["tokr"][:2] == (700, 0)


async def test_who_outlives_the_purse_of_its_run_charges_no_later_one(
    ledger: Ledger, outside: Outside
):
    async with ledger.hold(asked(run("r1")), lambda: used(10, 50)) as hold:
        hold.dispatched()
        outside.client.delete(*outside.client.keys("lg:{*}:s:r:acme/r1"))  # it was idle
        await served(ledger, asked(run("r1")), output=1)
    await ledger.settled()
    assert outside.scopes()["r:acme/r1"]["tokr"][:2] == (11, 0)
