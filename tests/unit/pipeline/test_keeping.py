"""A caller whose answer is kept: stored first, then told as stored."""

import json
from typing import Any

import pytest
from fakes.caller import REQUEST_ID, FakeCaller
from fakes.shelf import FakeShelf

from router.pipeline.keeping import KeepingCaller
from router.protocols.responses.kept import Kept, kept_id

ID = kept_id(REQUEST_ID)
RESPONSE: dict[str, Any] = {
    "id": "resp_1",
    "store": False,
    "previous_response_id": None,
    "output": [{"id": "msg_1", "type": "message"}],
}


def keeping(caller: FakeCaller, shelf: FakeShelf, *, wanted: bool = True) -> KeepingCaller:
    return KeepingCaller(caller, shelf, "acme", ID, Kept("resp_0", "Hello", wanted))


def event(kind: str, **fields: Any) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (
        kind.encode(),
        json.dumps({"type": kind} | fields).encode(),
    )


CREATED = event("response.created", response=RESPONSE | {"output": []})
DELTA = event("response.output_text.delta", delta="response.completed")
COMPLETED = event("response.completed", response=RESPONSE)


def told(stream: bytes) -> list[dict[str, Any]]:
    lines = [line[6:] for line in stream.split(b"\n") if line.startswith(b"data: ")]
    return [data["response"] for line in lines if "response" in (data := json.loads(line))]


async def test_a_whole_answer_is_stored_and_then_sent():
    caller, shelf = FakeCaller(), FakeShelf()
    shelf.log = caller.log
    await keeping(caller, shelf).send(json.dumps(RESPONSE).encode())
    assert caller.log == ["add", "send"]
    sent = json.loads(caller.answer)
    assert sent == RESPONSE | {"id": ID, "store": True, "previous_response_id": "resp_0"}
    stored = shelf.there["acme", ID]
    assert (stored.previous, [name for name, _ in stored.items]) == ("resp_0", ["msg_1"])
    assert json.loads(stored.document)["response"] == sent


async def test_an_answer_that_could_not_be_stored_is_not_told_as_stored():
    caller = FakeCaller()
    await keeping(caller, FakeShelf(full=True)).send(json.dumps(RESPONSE).encode())
    assert json.loads(caller.answer)["store"] is False


async def test_an_answer_that_is_not_wanted_says_what_it_continues_and_is_not_stored():
    caller, shelf = FakeCaller(), FakeShelf()
    await keeping(caller, shelf, wanted=False).send(json.dumps(RESPONSE).encode())
    assert json.loads(caller.answer)["previous_response_id"] == "resp_0"
    assert shelf.there == {}


async def test_an_answer_that_cannot_be_read_goes_out_as_it_is():
    caller, shelf = FakeCaller(), FakeShelf()
    await keeping(caller, shelf).send(b'{"id":1,"id":2}')
    assert caller.answer == b'{"id":1,"id":2}'
    assert shelf.there == {}


@pytest.mark.parametrize("size", [1, 7, 10_000])
async def test_the_last_event_of_a_stream_waits_until_it_is_stored(size):
    caller, shelf = FakeCaller(), FakeShelf()
    wrapped = keeping(caller, shelf)
    stream = CREATED + DELTA + COMPLETED
    await wrapped.start()
    assert not wrapped.put(stream)
    for at in range(0, len(stream), size):
        await wrapped.write(stream[at : at + size])
    await wrapped.end()
    assert [(one["id"], one["store"]) for one in told(caller.answer)] == [(ID, False), (ID, True)]
    assert DELTA in caller.answer
    assert ("acme", ID) in shelf.there
    assert caller.complete


async def test_a_stream_without_its_end_is_not_stored():
    caller, shelf = FakeCaller(), FakeShelf()
    wrapped = keeping(caller, shelf)
    await wrapped.write(CREATED + DELTA + b"event: resp")
    await wrapped.end()
    assert caller.answer.endswith(b"event: resp")
    assert shelf.there == {}


async def test_an_event_that_cannot_be_read_passes():
    caller, shelf = FakeCaller(), FakeShelf()
    data = b'{"type":"response.completed","response":{"a":1,"a":2}}'
    odd = b"event: response.completed\ndata: %b\n\n" % data
    await keeping(caller, shelf).write(odd)
    assert caller.answer == odd
    assert shelf.there == {}


async def test_who_answers_is_told_to_the_caller_behind():
    caller = FakeCaller(raw=b"{}", fields={b"x-turnout-route": b"auto"})
    wrapped = keeping(caller, FakeShelf())
    wrapped.awaits_stream()
    wrapped.backend = "local"
    wrapped.headers += [("a", "b")]
    assert (caller.backend, wrapped.backend, caller.headers) == ("local", "local", [("a", "b")])
    assert wrapped.hint_headers() == {"x-turnout-route": "auto"}
    assert wrapped.header_values(["x-turnout-route"]) == {"x-turnout-route": "auto"}
    assert await wrapped.body() == b"{}"
