"""Holds that outlive their gateway, on a real ledger."""

import asyncio
from dataclasses import replace

import pytest
from ledgerkit import reserve_request, used

from router.domain import Charge
from router.errors import LimitExceeded
from router.ledger.ledger import Ledger
from router.ledger.long_holds import NOTHING
from router.ledger.quotas.dimensions import quotas

LIMITS = quotas({"organization": {"tokens_per_day": 1_000, "requests_per_day": 50}})


def _request(requests: int = 10, **sizes):
    made = reserve_request(LIMITS, firm=True, **sizes)
    return replace(made, estimate=made.estimate._replace(requests=requests))


def _rows(outside, id_: str) -> list[tuple[str, str]]:
    """Status and use of the rows of a hold."""
    return [(row["status"], row["used"]) for row in outside.rows() if row["hold_id"] == id_]


async def _held(ledger: Ledger, request, most: Charge) -> str:
    """A hold that is kept for days."""
    holds = ledger.long_holds()
    id_, _ = await holds.begin(request)
    assert await holds.keep(id_, most)
    return id_


async def _may_take(ledger: Ledger, tokens: int) -> bool:
    try:
        async with ledger.hold(_request(1, input_tokens=tokens, output_tokens=0), used):
            return True
    except LimitExceeded:
        return False


async def test_a_hold_stays_when_its_gateway_closes_and_any_other_settles_it(
    server, ledger, outside
):
    first = await Ledger.connect(server.url, command_seconds=5)
    id_ = await _held(first, _request(), used(10, 90))
    await first.close()
    assert await ledger.reap() == 0
    assert not await _may_take(ledger, 950)
    charge = used(20, 30)._replace(requests=7)
    assert await ledger.long_holds().settle(id_, charge)
    assert _rows(outside, id_) == [("completed", f"7,50,20,30,{charge.cost_pico}")]
    assert await _may_take(ledger, 949)


async def test_settling_twice_from_two_gateways_is_settling_once(server, ledger, outside):
    other = await Ledger.connect(server.url, command_seconds=5)
    id_ = await _held(ledger, _request(), used(10, 90))
    both = (ledger.long_holds(), other.long_holds())
    assert await asyncio.gather(*[one.settle(id_, used(1, 2)) for one in both]) == [True, True]
    await other.close()
    assert _rows(outside, id_) == [("completed", f"1,3,1,2,{used(1, 2).cost_pico}")]


async def test_one_that_nobody_settles_is_charged_at_most_when_its_lease_ends(ledger, outside):
    most = used(10, 90)._replace(requests=10)
    id_ = await _held(ledger, _request(), most)
    assert await ledger.long_holds().renew(id_)
    outside.end_leases()
    assert await ledger.reap() == 1
    assert _rows(outside, id_) == [("expired", f"10,100,10,90,{most.cost_pico}")]
    assert not await ledger.long_holds().renew(id_)


async def test_a_settlement_soon_after_that_is_still_applied(ledger, outside):
    id_ = await _held(ledger, _request(), used(10, 90))
    outside.end_leases()
    await ledger.reap()
    assert await ledger.long_holds().settle(id_, used(10, 40))
    assert [row.split(",")[1] for _, row in _rows(outside, id_)] == ["100", "-50"]


async def test_its_requests_count_each_and_a_limit_refuses_them(ledger):
    await _held(ledger, _request(requests=41), used())
    with pytest.raises(LimitExceeded) as caught:
        await _held(ledger, _request(requests=10), used())
    assert caught.value.code == "insufficient_quota"


async def test_one_whose_work_never_began_is_given_back_in_full(ledger):
    id_ = await _held(ledger, _request(input_tokens=900), used())
    assert await ledger.long_holds().settle(id_, NOTHING)
    assert await _may_take(ledger, 1_000)


async def test_one_that_nobody_kept_is_given_back_in_full(ledger, outside):
    id_, _ = await ledger.long_holds().begin(_request(input_tokens=900))
    outside.end_leases()
    assert await ledger.reap() == 1
    assert _rows(outside, id_) == [("expired", "0,0,0,0,0")]
    assert not await ledger.long_holds().keep(id_, used())
    assert await _may_take(ledger, 1_000)


async def test_an_unknown_hold_changes_nothing(ledger, outside):
    id_ = await _held(ledger, _request(), used())
    outside.client.flushall()
    assert not await ledger.long_holds().settle(id_, used())
    assert outside.rows() == []
