"""Work that outlives its client: told at once, stored by beats, ended once, settled always."""

import asyncio
import json
from contextlib import aclosing

import orjson
import pytest
from fakes.backends import FakeUpstream
from fakes.background import CREATED, ID, ITEM, RESPONSE, WHOLE, Stage, Waiting, read
from fakes.caller import FakeCaller
from fakes.corridor import FakeCorridor
from fakes.world import CASCADE, FIXED

from router.domain import Outcome
from router.errors import BadRequest, LimitExceeded, Unavailable, UpstreamFailed
from router.pipeline.background import Background
from router.pipeline.serve import serve
from router.protocols.responses.running import is_running
from router.stored.response import MissingResponse

pytestmark = pytest.mark.virtual_time
MAIL = "Write to jane.doe@example.com about it."


async def test_its_client_is_told_at_once_and_the_work_goes_on():
    upstream = Waiting()
    stage = Stage(upstream)
    caller = await stage.ask()
    told = json.loads(caller.answer)
    assert (told["id"], told["background"], told["output"]) == (ID, True, [])
    assert is_running(told)
    assert caller.header("x-turnout-route") == "auto"
    await upstream.half.wait()
    assert stage.corridor.ledger.settled == []
    upstream.gate.set()
    done = await stage.over()
    assert (done["id"], done["status"], done["output"]) == (ID, "completed", [ITEM])
    assert [charge.outcome for charge in stage.corridor.ledger.settled] == [Outcome.COMPLETED]
    assert len(stage.background) == 0
    [(_, item)] = stage.shelf.there["acme", ID].items
    assert orjson.loads(item) == ITEM


async def test_it_is_stored_before_a_backend_is_reached():
    upstream = Waiting()
    stage = Stage(upstream)
    stage.shelf.away = True
    with pytest.raises(Unavailable):
        await stage.ask()
    assert stage.corridor.ledger.holds[0].is_dispatched is False
    assert stage.corridor.backends.asked == []
    assert len(stage.background) == 0


async def test_how_it_stands_is_stored_by_beats():
    upstream = Waiting()
    stage = Stage(upstream)
    await stage.ask()
    assert is_running(stage.stored())
    await upstream.half.wait()
    async with aclosing(stage.background.follow("acme", ID, 4)) as told:
        assert await anext(told) == b""  # so long nothing came: there was a beat
    assert stage.stored()["status"] == "in_progress"
    assert len(read(b"".join([one.events for one in stage.shelf.told[ID]]))) == 4
    upstream.gate.set()
    assert (await stage.over())["status"] == "completed"


async def test_its_events_are_told_from_any_number_while_it_runs_and_afterwards():
    upstream = Waiting()
    stage = Stage(upstream)
    await stage.ask()
    following = asyncio.create_task(stage.told(after=1))
    await upstream.half.wait()
    upstream.gate.set()
    kinds = [one["type"] for one in await following]
    assert kinds == ["response.in_progress", "response.output_item.done", "response.completed"]
    assert [one["type"] for one in await stage.told(after=1)] == kinds
    whole = await stage.told()
    assert [one["sequence_number"] for one in whole] == [0, 1, 2, 3, 4]
    assert await stage.told(after=4) == []


async def test_a_client_that_streams_is_told_everything_to_the_end():
    upstream = Waiting()
    stage = Stage(upstream)
    upstream.gate.set()
    caller = await stage.ask(stream=True)
    told = read(caller.answer)
    assert [one["sequence_number"] for one in told] == [0, 1, 2, 3, 4]
    assert told[-1]["response"]["store"] is True
    assert caller.complete
    assert caller.awaiting


async def test_a_client_that_leaves_its_stream_ends_nothing():
    upstream = Waiting()
    stage = Stage(upstream)
    with pytest.raises(asyncio.CancelledError):
        await stage.ask(FakeCaller(leaves_at="write"), stream=True)
    upstream.gate.set()
    assert (await stage.over())["status"] == "completed"


async def test_a_client_that_leaves_before_it_is_told_ends_it():
    stage = Stage(Waiting())
    stage.shelf.begins.clear()
    asking = asyncio.create_task(stage.ask())
    while not stage.tasks:  # noqa: ASYNC110 # it takes some turns of the loop
        await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await stage.settled()
    assert len(stage.background) == 0
    assert stage.corridor.backends.asked == []
    assert stage.shelf.there == {}


@pytest.mark.parametrize("streamed", [False, True])
async def test_what_fails_ends_failed_with_its_error(streamed):
    stage = Stage(UpstreamFailed("Nobody answers."))
    caller = await stage.ask(stream=streamed)
    failed = await stage.over()
    assert failed["status"] == "failed"
    assert failed["error"] == {"code": "server_error", "message": "Nobody answers."}
    if streamed:
        assert read(caller.answer)[-1]["type"] == "response.failed"
    assert [charge.outcome for charge in stage.corridor.ledger.settled] == [Outcome.FAILED]


async def test_a_fault_of_ours_ends_it_too_and_is_logged(caplog):
    stage = Stage(RuntimeError("a bug"))
    await stage.ask()
    failed = await stage.over()
    assert failed["error"]["message"].startswith("The gateway failed")
    assert "a bug" in caplog.text
    caplog.clear()


async def test_an_answer_without_its_end_has_failed():
    stage = Stage(FakeUpstream(blocks=(CREATED, b"data: [DONE]\n\n")))
    await stage.ask()
    assert "without its last event" in (await stage.over())["error"]["message"]


async def test_a_cancelled_one_keeps_what_was_whole_and_is_paid_for():
    upstream = Waiting()
    stage = Stage(upstream)
    await stage.ask()
    await upstream.half.wait()
    for _ in range(2):
        stopped = await stage.background.cancel("acme", ID)
        response = json.loads(stopped.document)["response"]
        assert (response["status"], response["output"]) == ("cancelled", [ITEM])
    assert [one["type"] for one in await stage.told(after=2)] == ["response.output_item.done"]
    await stage.settled()
    assert upstream.closed
    [charge] = stage.corridor.ledger.settled
    assert (charge.outcome, charge.usage.output_tokens) == (Outcome.DISCONNECTED, 1)
    assert len(stage.background) == 0


async def test_one_that_was_ended_elsewhere_stops_at_the_next_beat():
    upstream = Waiting()
    stage = Stage(upstream)
    await stage.ask()
    await upstream.half.wait()
    elsewhere = Background(stage.shelf, most=9, most_each=9)
    await elsewhere.cancel("acme", ID)
    async with aclosing(stage.background.follow("acme", ID, -1)) as told:
        assert [one["type"] for one in read(b"".join([block async for block in told]))][:2] == [
            "response.created",
            "response.queued",
        ]
    await stage.settled()
    assert upstream.closed
    assert len(stage.corridor.ledger.settled) == 1
    assert stage.stored()["status"] == "cancelled"


async def test_one_that_is_erased_is_stopped_and_stored_no_more():
    upstream = Waiting()
    stage = Stage(upstream)
    await stage.ask()
    await upstream.half.wait()
    await stage.shelf.delete("acme", ID)
    stage.background.drop(ID)
    assert await stage.told() == []
    await stage.settled()
    assert upstream.closed
    assert ("acme", ID) not in stage.shelf.there
    with pytest.raises(MissingResponse):
        await stage.background.cancel("acme", ID)


async def test_what_a_dead_gateway_left_has_failed_for_whoever_looks():
    upstream = Waiting()
    stage = Stage(upstream)
    await stage.ask()
    await upstream.half.wait()
    elsewhere = Background(stage.shelf, most=9, most_each=9)
    found = await elsewhere.current("acme", ID)
    assert is_running(json.loads(found.document)["response"])
    stage.shelf.lapsed.add(ID)
    failed = json.loads((await elsewhere.current("acme", ID)).document)["response"]
    assert failed["status"] == "failed"
    assert "stopped before its end" in failed["error"]["message"]
    await stage.background.close()


async def test_what_dead_gateways_left_is_ended_at_the_start_and_by_whoever_works():
    upstream = Waiting()
    stage = Stage(upstream)
    await stage.ask()
    await upstream.half.wait()
    stage.shelf.lapsed.add(ID)
    elsewhere = Background(stage.shelf, most=9, most_each=9)
    elsewhere.start()
    await stage.settled()  # its own beat finds that it is over
    assert stage.stored()["status"] == "failed"
    await elsewhere.close()


async def test_a_gateway_that_stops_ends_what_it_works_on_as_failed():
    upstream = Waiting()
    stage = Stage(upstream)
    await stage.ask()
    await upstream.half.wait()
    await stage.background.close()
    failed = stage.stored()
    assert (failed["status"], failed["output"]) == ("failed", [ITEM])
    assert "stopped" in failed["error"]["message"]
    assert len(stage.corridor.ledger.settled) == 1
    assert stage.shelf.runs == {}


async def test_the_server_can_wait_for_what_is_worked_on():
    upstream = Waiting()
    stage = Stage(upstream)
    await stage.ask()
    assert len(stage.tasks) == 1
    upstream.gate.set()
    await stage.over()
    assert stage.tasks == set()


async def test_so_many_run_at_once_here_and_of_an_organization():
    stage = Stage(Waiting(), Waiting(), most=1)
    await stage.ask()
    with pytest.raises(LimitExceeded) as caught:
        await stage.ask(FakeCaller(id="1" * 32))
    assert "at this gateway" in caught.value.message
    assert dict(caught.value.headers)["retry-after"] == "5"
    await stage.background.close()
    stage = Stage(Waiting(), Waiting(), most_each=1)
    await stage.ask()
    with pytest.raises(LimitExceeded) as caught:
        await stage.ask(FakeCaller(id="1" * 32))
    assert "of yours" in caught.value.message
    assert not stage.corridor.ledger.holds[1].is_dispatched
    await stage.background.close()


@pytest.mark.parametrize(
    ("body", "most", "words"),
    [({}, {"most": 0}, "responses.background"), ({"input": "x"}, {}, "larger")],
)
async def test_what_cannot_run_in_the_background_is_refused_with_what_to_do(body, most, words):
    stage = Stage(Waiting(), **most)
    stage.shelf.full = True
    with pytest.raises(BadRequest) as caught:
        await stage.ask(**body)
    assert (caught.value.param, words in caught.value.message) == ("background", True)


async def test_what_is_private_and_would_leave_home_is_refused_before_anybody_is_asked():
    rules = "rules: [{name: noted, when: request.pii, fixed: local}]"
    policy = FIXED.replace("objective: fixed}", f"objective: fixed, {rules}}}")
    stage = Stage(Waiting(), policy=policy)
    with pytest.raises(BadRequest) as caught:
        await stage.ask(input=MAIL)
    assert "responses.home" in caught.value.message
    assert stage.corridor.backends.asked == []
    assert stage.shelf.there == {}


async def test_a_gateway_that_keeps_nothing_refuses_the_background_by_name():
    corridor = FakeCorridor.answering(FakeUpstream(body=b"{}"))
    raw = orjson.dumps({"model": "auto", "input": "Hello", "background": True})
    with pytest.raises(BadRequest) as caught:
        await serve(corridor.serving(), RESPONSE, FakeCaller(raw))
    assert caught.value.param == "background"
    assert "responses.keys" in caught.value.message


async def test_a_cascade_checks_the_whole_answer_which_is_told_as_events_too():
    stage = Stage(FakeUpstream(body=orjson.dumps(WHOLE)), policy=CASCADE)
    await stage.ask()
    assert (await stage.over())["output"] == [ITEM]
    assert [one["sequence_number"] for one in await stage.told()] == [0, 1, 2, 3, 4, 5]


async def test_a_database_that_is_away_for_a_while_loses_nothing():
    upstream = Waiting()
    stage = Stage(upstream)
    await stage.ask()
    await upstream.half.wait()
    stage.shelf.away = True
    upstream.gate.set()
    async with aclosing(stage.background.follow("acme", ID, 3)) as told:
        assert await anext(told) == b""
        assert stage.stored()["status"] != "completed"
        stage.shelf.away = False
        [last] = read(b"".join([block async for block in told]))
    assert last["type"] == "response.completed"
    assert stage.stored()["status"] == "completed"
