"""A request of a declared operation walks the corridor: held, passed on, settled once."""

import asyncio
from typing import Any

import pytest
from fakes.backends import FakeUpstream
from fakes.caller import FakeCaller
from fakes.corridor import FakeCorridor
from fakes.world import FIXED, PRICES, new_world

from router.domain import Outcome, Usage
from router.errors import BadRequest, StreamBroken, UpstreamFailed
from router.operations.operation import Operation
from router.world.snapshot import Snapshot

SCAN = {"scan": {"paths": "/v1/scans", "model": "auto", "count_bytes": True}}
UNITS = (("request", 1), ("byte", 5))
COST = 10**10 + 5 * 10**6


def world(*serving: str, **operation: Any) -> Snapshot:
    price = {"input": 1, "output": 1, "request": 0.01, "byte": 0.000001}
    each = {name: {"serves": ["scan"], "price": price} for name in serving}
    each |= {name: {"serves": ["chat"]} for name in PRICES if name not in serving}
    return new_world(FIXED, each=each, operations={"scan": SCAN["scan"] | operation})


def row_of(snapshot: Snapshot) -> Operation:
    row = snapshot.declared.at(b"/v1/scans", b"", b"POST")
    assert row is not None
    return row


async def walked(upstream: Any, caller: FakeCaller | None = None) -> FakeCorridor:
    corridor = FakeCorridor.answering(upstream, world=world("moe"))
    await corridor.walk(caller or FakeCaller(b"12345"), operation=row_of(corridor.world))
    return corridor


def status_of(upstream: FakeUpstream, status: int) -> FakeUpstream:
    upstream._answer = type("Answer", (), {"status": status})()  # type: ignore[assignment]
    return upstream


async def test_it_is_held_for_and_charged_by_what_it_is_counted_in() -> None:
    caller = FakeCaller(b"12345")
    answer = status_of(FakeUpstream(body=b"{}", usage=Usage(units=UNITS)), 201)
    corridor = await walked(answer, caller)
    (held,) = corridor.ledger.reserved
    assert held.estimate.cost_pico >= COST
    (charge,) = corridor.ledger.settled
    assert (charge.outcome, charge.cost_pico, charge.operation) == (
        Outcome.COMPLETED,
        COST,
        "scan",
    )
    assert (caller.status, caller.answer) == (201, b"{}")
    assert caller.header("x-turnout-cost-usd") == "0.010005"


async def test_a_streamed_answer_goes_on_as_it_comes_with_its_status() -> None:
    caller = FakeCaller(b"12345")
    parts = FakeUpstream(blocks=(b"a", b"b"), usage=Usage(units=UNITS), content_type="text/plain")
    corridor = await walked(status_of(parts, 206), caller)
    assert (caller.status, caller.answer, caller.content_type) == (206, b"ab", "text/plain")
    assert not caller.awaiting
    assert [charge.cost_pico for charge in corridor.ledger.settled] == [COST]


async def test_a_client_that_leaves_pays_for_what_the_server_was_asked() -> None:
    corridor = FakeCorridor.answering(
        status_of(FakeUpstream(blocks=(b"a", b"b"), tokens=0), 200), world=world("moe")
    )
    with pytest.raises(asyncio.CancelledError):
        await corridor.walk(
            FakeCaller(b"12345", leaves_at="start"), operation=row_of(corridor.world)
        )
    (charge,) = corridor.ledger.settled
    assert (charge.outcome, charge.cost_pico) == (Outcome.DISCONNECTED, COST)


async def test_an_answer_that_breaks_off_is_charged_once_and_one_that_never_came_is_free() -> None:
    for upstream, outcome, cost in (
        (status_of(FakeUpstream(blocks=(b"a",), tokens=0, breaks=True), 200), Outcome.CUT, COST),
        (UpstreamFailed("No."), Outcome.FAILED, 0),
    ):
        corridor = FakeCorridor.answering(upstream, world=world("moe"))
        with pytest.raises((StreamBroken, UpstreamFailed)):
            await corridor.walk(FakeCaller(b"12345"), operation=row_of(corridor.world))
        (charge,) = corridor.ledger.settled
        assert (charge.outcome, charge.cost_pico) == (outcome, cost)


async def test_only_candidates_that_serve_it_are_planned() -> None:
    corridor = await walked(status_of(FakeUpstream(body=b"{}", usage=Usage()), 200))
    decision = corridor.finished_records[-1].decision
    assert decision.candidates == ("moe",)


async def test_a_chat_does_not_go_where_only_it_is_served() -> None:
    corridor = FakeCorridor.answering(FakeUpstream(body=b"{}"), world=world(*PRICES))
    with pytest.raises(BadRequest, match="chats"):
        await corridor.walk(FakeCaller.asking())
