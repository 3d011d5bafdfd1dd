"""From the backend's bytes to the client's: what is said, when, and where a quota ends it."""

import asyncio

import pytest
from fakes.backends import DONE, FakeUpstream, chunk, whole
from fakes.caller import FakeCaller
from fakes.corridor import context_of, decided, new_meter
from fakes.ledger import FakeHold, FakeLedger
from fakes.parts import FakeClassifier
from fakes.world import ODDS, SHADOWED, new_world

from router.backends.backend import Timeouts
from router.backends.health.slots import Slot
from router.domain import Charge, Usage
from router.errors import StreamBroken
from router.ledger.estimate import OutputHistory
from router.pipeline.plan import plan_of
from router.pipeline.relay import Relay
from router.pipeline.response_headers import BACKEND, COST_USD, QUEUE_MS, QUEUE_POSITION, of_answer
from router.pipeline.signals import likely_cost
from router.world.snapshot import Snapshot

USED = Usage(100, 50)
BLOCKS = (chunk("One"), chunk(" two"), chunk(" three"), DONE)
MOE_ONLY = "version: 1\nroutes: {auto: {candidates: [moe], objective: fixed}}\n"


def nothing_used() -> Charge:
    raise AssertionError("the relay settles nothing")


async def relayed(
    caller: FakeCaller,
    upstream: FakeUpstream,
    *,
    world: Snapshot | None = None,
    ledger: FakeLedger | None = None,
    lost: bool = False,
) -> bytes | None:
    """Deliver one answer; return what was kept of it."""
    world = world or new_world(MOE_ONLY)
    upstream.backend = world.backends["moe"]
    context = await context_of(caller, world, classifier=FakeClassifier(**ODDS))
    plan = plan_of(decided(context), context, OutputHistory())
    hold = FakeHold(ledger or FakeLedger(), plan.reservation, nothing_used)
    hold.lost = lost
    meter = new_meter(plan, world, upstream)
    return await Relay(caller, context, plan, hold).deliver(upstream, meter)


async def test_a_whole_answer_goes_out_at_once_with_its_real_cost():
    caller = FakeCaller.asking()
    assert await relayed(caller, FakeUpstream(body=whole(), usage=USED)) == b""
    assert caller.log == ["send"]
    assert caller.answer == whole()
    assert caller.header(BACKEND) == caller.backend == "moe"
    assert caller.header(COST_USD) == "0.0002"


async def test_a_streams_head_leaves_before_its_cost_is_known_so_it_says_the_expected_one():
    caller = FakeCaller.asking(stream=True)
    await relayed(caller, FakeUpstream(blocks=BLOCKS, usage=USED))
    context = await context_of(FakeCaller.asking(stream=True), new_world(MOE_ONLY))
    expected = likely_cost(context.world, "moe", context.ask, context.input_tokens)
    assert caller.header(COST_USD) is not None
    assert float(caller.header(COST_USD) or 0) == pytest.approx(expected / 10**12, rel=0.1)


async def test_a_stream_arrives_in_order_and_complete():
    caller = FakeCaller.asking(stream=True)
    await relayed(caller, FakeUpstream(blocks=BLOCKS, usage=USED))
    assert caller.log[0] == "start"
    assert caller.log[-1] == "end"
    assert caller.answer == b"".join(BLOCKS)
    assert caller.complete


async def test_blocks_that_the_client_takes_at_once_wake_nobody():
    caller = FakeCaller.asking(stream=True)
    await relayed(caller, FakeUpstream(blocks=BLOCKS, usage=USED))
    assert caller.log.count("put") == len(BLOCKS)
    assert "write" not in caller.log


async def test_a_client_that_is_behind_gets_each_block_when_it_has_room():
    caller = FakeCaller.asking(stream=True)
    caller.room = 0
    await relayed(caller, FakeUpstream(blocks=BLOCKS, usage=USED))
    assert "put" not in caller.log
    assert caller.answer == b"".join(BLOCKS)


class Slow(FakeCaller):
    """A client that reads on, and never has room."""

    def put(self, data: bytes) -> bool:
        return False

    async def write(self, data: bytes) -> None:
        await asyncio.Event().wait()


@pytest.mark.virtual_time
async def test_a_client_that_reads_too_slowly_ends_with_the_time_of_its_answer():
    began = asyncio.get_running_loop().time()
    with pytest.raises(StreamBroken, match="read so slowly"):
        await relayed(Slow.asking(stream=True), FakeUpstream(blocks=BLOCKS, usage=USED))
    passed = asyncio.get_running_loop().time() - began
    assert passed == pytest.approx(Timeouts().total, abs=1.0)


async def test_a_stream_that_breaks_off_is_raised_and_not_ended():
    caller = FakeCaller.asking(stream=True)
    with pytest.raises(StreamBroken):
        await relayed(caller, FakeUpstream(blocks=BLOCKS[:2], breaks=True))
    assert caller.answer == b"".join(BLOCKS[:2])
    assert "end" not in caller.log


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_is_kept_only_where_the_decision_wants_an_audit(stream):
    for world, kept in ((new_world(SHADOWED), True), (new_world(MOE_ONLY), False)):
        caller = FakeCaller.asking(stream=stream)
        upstream = FakeUpstream(body=b"" if stream else whole(), blocks=BLOCKS, usage=USED)
        answer = await relayed(caller, upstream, world=world)
        assert answer == (caller.answer if kept else b"")


async def test_what_is_kept_of_an_endless_stream_is_bounded():
    caller = FakeCaller.asking(stream=True)
    block = b":" + b"x" * 400_000 + b"\n\n"
    kept = await relayed(
        caller, FakeUpstream(blocks=(block,) * 9, usage=USED), world=new_world(SHADOWED)
    )
    assert len(caller.answer) == 9 * len(block)
    assert len(kept) < 2_000_000


async def test_a_stream_within_its_hold_is_topped_up_by_nobody():
    caller, ledger = FakeCaller.asking(stream=True), FakeLedger()
    world = new_world(MOE_ONLY, estimate="chunk")
    await relayed(caller, FakeUpstream(blocks=BLOCKS, usage=USED), world=world, ledger=ledger)
    assert caller.answer == b"".join(BLOCKS)
    assert ledger.topped_up == []
    assert caller.log.count("put") == len(BLOCKS)  # what is covered wakes nobody either


async def test_a_stream_that_outgrows_its_hold_is_topped_up_as_it_goes():
    caller, ledger = FakeCaller.asking(stream=True), FakeLedger(spare_tokens=10_000)
    world = new_world(MOE_ONLY, estimate="chunk")
    upstream = FakeUpstream(blocks=BLOCKS, usage=USED, tokens=300)
    await relayed(caller, upstream, world=world, ledger=ledger)
    assert caller.answer == b"".join(BLOCKS)
    assert sum(ledger.topped_up) == 900 - 512  # what it said last needs no more


async def test_a_stream_whose_quota_ends_is_cut_with_the_reason_length():
    caller = FakeCaller.asking(stream=True)
    world = new_world(MOE_ONLY, estimate="chunk")
    upstream = FakeUpstream(blocks=BLOCKS, usage=USED, tokens=300)
    kept = await relayed(caller, upstream, world=world, ledger=FakeLedger(spare_tokens=0))
    assert kept is None
    assert caller.answer.startswith(BLOCKS[0] + BLOCKS[1])
    assert BLOCKS[2] not in caller.answer
    assert b'"finish_reason":"length"' in caller.answer
    assert caller.answer.endswith(DONE)
    assert caller.complete


async def test_a_hold_that_the_ledger_lost_ends_a_stream_that_it_covers_chunk_by_chunk():
    caller = FakeCaller.asking(stream=True)
    world = new_world(MOE_ONLY, estimate="chunk")
    await relayed(caller, FakeUpstream(blocks=BLOCKS, usage=USED), world=world, lost=True)
    assert b'"finish_reason":"length"' in caller.answer
    assert BLOCKS[1] not in caller.answer


async def test_how_long_a_request_waited_for_a_slot_is_said():
    caller = FakeCaller.asking()
    slot = Slot("pro", 0.0, position=3, waited=1.2345)
    await relayed(caller, FakeUpstream(body=whole(), usage=USED, slot=slot))
    assert (caller.header(QUEUE_POSITION), caller.header(QUEUE_MS)) == ("3", "1234")
    assert of_answer("moe", 0, Slot("pro", 0.0))[:2] == [(QUEUE_POSITION, "0"), (QUEUE_MS, "0")]


async def test_headers_of_the_answer_that_belong_to_its_protocol_go_on_to_the_client():
    caller = FakeCaller.asking()
    upstream = FakeUpstream(body=whole(), usage=USED, headers=(("openai-version", "2020-10-01"),))
    await relayed(caller, upstream)
    assert caller.header("openai-version") == "2020-10-01"
