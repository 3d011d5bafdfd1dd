"""The corridor's caller that outlives its client: what it takes, and what its beats store."""

import orjson
import pytest
from fakes.background import COMPLETED, CREATED, DONE, ID, WHOLE, event
from fakes.caller import FakeCaller

from router.errors import Unavailable, UpstreamFailed
from router.operations.response import parse_response
from router.pipeline import run as module
from router.pipeline.run import Run
from router.protocols.responses.kept import Kept
from router.protocols.responses.running import RunningResponse

FIELDS = {b"x-turnout-route": b"auto", b"x-team": b"search"}


def new_run() -> Run:
    ask = parse_response(orjson.dumps({"model": "auto", "input": "Hello"}))
    response = RunningResponse(ask, Kept(None, "Hello", wanted=True), ID, created=7)
    return Run(FakeCaller(fields=FIELDS), "acme", ID, response)


def begun() -> Run:
    run = new_run()
    run.admit()
    return run


async def test_its_client_is_asked_until_it_is_told_and_no_longer():
    run = new_run()
    assert run.hint_headers() == {"x-turnout-route": "auto"}
    assert run.header_values(["x-team"]) == {"x-team": "search"}
    assert await run.body() == b""
    run.admit()
    assert run.admitted.done()
    assert run.hint_headers() == run.header_values(["x-team"]) == {}


@pytest.mark.parametrize("size", [1, 7, 10_000])
async def test_a_stream_becomes_events_however_it_comes(size):
    run = begun()
    stream = CREATED + DONE + COMPLETED
    run.awaits_stream()
    await run.start()
    assert not run.put(stream)
    for at in range(0, len(stream), size):
        await run.write(stream[at : at + size])
    await run.end()
    beat = run.beat()
    assert beat.chunk is not None
    assert (beat.chunk.first, beat.chunk.last) == (2, 3)
    assert beat.ended is not None
    assert beat.ended.last is not None
    assert beat.ended.last.first == 4


async def test_a_beat_is_the_same_until_it_is_taken():
    run = begun()
    assert not run.beat().is_news
    run.taken(run.beat())
    await run.write(CREATED)
    beat = run.beat()
    assert beat.response is not None
    await run.write(DONE)
    assert run.beat() == beat
    run.taken(beat)
    later = run.beat()
    assert later.response is None
    assert later.chunk is not None
    assert (later.chunk.first, later.chunk.last) == (3, 3)


async def test_its_end_is_told_once_it_is_stored():
    run = begun()
    await run.send(orjson.dumps(WHOLE))
    told = len(run.log)
    run.taken(beat := run.beat())
    assert beat.ended is not None
    assert len(run.log) == told + 1
    assert run.over
    assert run.log.closed


async def test_what_went_wrong_is_its_clients_answer_until_then_and_its_end_afterwards():
    run = new_run()
    run.fail(Unavailable("Gone."))
    with pytest.raises(Unavailable):
        run.admitted.result()
    run = begun()
    run.fail(Unavailable("Gone."))
    run.fail(Unavailable("Again."))
    assert b"Gone." in run.response.finish.event


async def test_an_answer_that_cannot_be_read_has_failed():
    with pytest.raises(UpstreamFailed):
        await begun().send(b'{"id":1,"id":2}')


async def test_a_database_that_takes_nothing_for_long_ends_it():
    run = begun()
    large = event("response.output_text.delta", delta="x" * (module.MOST_WAITING // 2))
    await run.write(large)
    with pytest.raises(Unavailable):
        await run.write(large)
