"""What becomes of requests that their limits refuse, where the tier is softer than a 429."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import pytest
from fakes.backends import FakeUpstream, whole
from fakes.caller import FakeCaller
from fakes.corridor import CHAT, FakeCorridor
from fakes.ledger import FakeHold, FakeLedger
from fakes.parts import ACME
from fakes.world import new_world

from policies.decision import Decision
from router.domain import Charge, Usage
from router.errors import LimitExceeded, retry_after
from router.ledger.reserve_request import Budget, ReserveRequest
from router.pipeline.exhausted import LEAST_SECONDS
from router.pipeline.response_headers import BACKEND, ROUTE, WHEN_EXHAUSTED
from router.pipeline.serve import serve
from router.world.standing import exhausted_name

SOFT = """\
version: 1
routes:
  auto: {candidates: [local, moe, premium], objective: fixed, fixed: premium}
tiers:
  %s:
    tokens_per_day: 1_000
    when_exhausted: {downgrade: [local, moe], queue: {max_wait: 10s, most: 2}}
"""


def rate(milliseconds: int, *never: tuple[str, str]) -> LimitExceeded:
    return LimitExceeded("Slow down.", headers=(*retry_after(milliseconds), *never))


def budget() -> LimitExceeded:
    limit = ("x-turnout-limit", "organization:tokens_per_day")
    return LimitExceeded("Used up.", code="insufficient_quota", headers=(limit,))


class _Hold(FakeHold):
    async def __aenter__(self) -> FakeHold:
        ledger = cast(Refusing, self._ledger)
        if ledger.refusals:
            raise ledger.refusals.pop(0)
        return await super().__aenter__()


@dataclass(slots=True)
class Refusing(FakeLedger):
    """Refuses as often as it has `refusals`, the first of them first."""

    refusals: list[LimitExceeded] = field(default_factory=list)

    def hold(self, request: ReserveRequest, charge: Callable[[], Charge]) -> FakeHold:
        return _Hold(self, request, charge)


def soft(*refusals: LimitExceeded) -> FakeCorridor:
    upstreams = [FakeUpstream(body=whole(), usage=Usage(10, 5)) for _ in range(2)]
    ledger = Refusing(budget=cast(Budget, object()), refusals=list(refusals))
    return FakeCorridor.answering(*upstreams, ledger=ledger, world=new_world(SOFT % ACME.tier))


async def test_beyond_a_budget_the_request_is_decided_again_and_held_in_the_name_of_that() -> None:
    corridor, caller = soft(budget()), FakeCaller.asking()
    finished = await corridor.walk(caller)
    [reserved] = corridor.ledger.reserved
    assert reserved.principal.tier == exhausted_name(ACME.tier)
    assert isinstance(finished.decision, Decision)
    assert set(finished.decision.candidates) == {"local", "moe"}
    assert caller.header(BACKEND) == finished.backend == finished.decision.candidates[0]
    assert caller.header(WHEN_EXHAUSTED) == "downgraded organization:tokens_per_day"
    assert [name for name, _ in caller.headers].count(ROUTE) == 1


async def test_what_is_left_of_the_budgets_is_not_what_is_left_beyond_them() -> None:
    corridor = soft(budget())
    serving = corridor.serving()
    await serve(serving, CHAT, FakeCaller.asking())
    assert dict(serving.senses.budgets) == {}
    await serve(serving, CHAT, FakeCaller.asking())
    assert list(serving.senses.budgets) == [ACME.organization]


async def test_where_what_is_downgraded_has_a_limit_too_that_one_speaks() -> None:
    of_its_own = LimitExceeded("No more.", code="insufficient_quota")
    corridor = soft(budget(), of_its_own)
    with pytest.raises(LimitExceeded, match="No more"):
        await corridor.walk(FakeCaller.asking())
    assert corridor.finished_records[-1].error is of_its_own
    assert corridor.ledger.settled == []


@pytest.mark.virtual_time
async def test_a_rate_is_waited_for_as_long_as_the_limit_says_and_no_longer() -> None:
    corridor, caller = soft(rate(3_000), rate(4_000)), FakeCaller.asking()
    began = asyncio.get_running_loop().time()
    await corridor.walk(caller)
    assert round(asyncio.get_running_loop().time() - began) == 7
    assert caller.header(WHEN_EXHAUSTED) == "queued 7000 ms"
    assert [reserved.principal.tier for reserved in corridor.ledger.reserved] == [ACME.tier]


@pytest.mark.virtual_time
async def test_who_is_told_to_wait_for_no_time_asks_now_and_then_all_the_same() -> None:
    corridor = soft(*[rate(0)] * 10)
    began = asyncio.get_running_loop().time()
    await corridor.walk(FakeCaller.asking())
    assert asyncio.get_running_loop().time() - began >= 9 * LEAST_SECONDS


@pytest.mark.virtual_time
@pytest.mark.parametrize(
    "refusals",
    [
        [rate(11_000)],
        [rate(6_000), rate(6_000)],
        [rate(1_000), rate(100, ("x-should-retry", "false"))],
    ],
    ids=["too late", "too late once more", "in vain"],
)
async def test_who_would_wait_too_long_or_in_vain_is_refused(refusals: list[LimitExceeded]) -> None:
    corridor = soft(*refusals)
    with pytest.raises(LimitExceeded) as refused:
        await corridor.walk(FakeCaller.asking())
    assert refused.value is refusals[-1]
    assert corridor.ledger.reserved == []


@pytest.mark.virtual_time
async def test_who_waited_for_a_rate_and_finds_the_budget_used_up_is_downgraded() -> None:
    corridor, caller = soft(rate(1_000), budget()), FakeCaller.asking()
    await corridor.walk(caller)
    assert caller.header(WHEN_EXHAUSTED) == "downgraded organization:tokens_per_day"


@pytest.mark.virtual_time
async def test_nobody_overtakes_who_waits_and_a_full_line_takes_nobody() -> None:
    refusals = [rate(5_000), rate(5_000)]
    corridor = soft(*refusals)
    serving, order = corridor.serving(), list[int]()

    async def walk(number: int) -> None:
        await serve(serving, CHAT, FakeCaller.asking())
        order.append(number)

    walks = [asyncio.create_task(walk(0))]
    await asyncio.sleep(1)  # it waits
    walks.append(asyncio.create_task(walk(1)))
    await asyncio.sleep(1)
    with pytest.raises(LimitExceeded) as refused:
        await walk(2)
    assert refused.value is refusals[1]
    await asyncio.gather(*walks)
    assert order == [0, 1]


@pytest.mark.virtual_time
async def test_a_client_that_leaves_while_it_waits_holds_nothing_and_nobody_up() -> None:
    corridor = soft(rate(5_000))
    serving = corridor.serving()
    walk = asyncio.create_task(serve(serving, CHAT, FakeCaller.asking()))
    await asyncio.sleep(1)
    walk.cancel()
    await asyncio.wait([walk])
    assert serving.lines.waiting((ACME.organization, ACME.key_id)) == 0
    assert (corridor.ledger.reserved, corridor.ledger.settled) == ([], [])
