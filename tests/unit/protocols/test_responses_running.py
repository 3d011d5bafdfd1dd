"""A response in the background: what a backend says becomes the row of its events."""

from typing import Any

import orjson
import pytest

from router.errors import LimitExceeded, Unavailable
from router.operations.response import parse_response
from router.protocols.responses.errors import BEHIND_ALL
from router.protocols.responses.kept import Kept, kept_id
from router.protocols.responses.running import (
    RunningResponse,
    behind,
    cancelled,
    is_running,
    killed,
)
from router.protocols.sse import data_of, encode

ID = kept_id("1" * 32)
ITEM = {"type": "message", "id": "msg_1", "role": "assistant", "content": []}
BEGUN = {"id": "resp_9", "status": "in_progress", "model": "real", "output": [], "created_at": 9}


def running() -> RunningResponse:
    ask = parse_response(orjson.dumps({"model": "auto", "input": "Hello", "metadata": {"a": "b"}}))
    return RunningResponse(ask, Kept("resp_0", "Hello", wanted=True), ID, created=7)


def event(kind: str, **fields: Any) -> bytes:
    return encode(orjson.dumps({"type": kind, "sequence_number": 40} | fields), kind.encode())


def read(events: list[bytes]) -> list[dict[str, Any]]:
    return [orjson.loads(data_of(one) or b"") for one in events]


CREATED = event("response.created", response=BEGUN)
DONE = event("response.output_item.done", output_index=0, item=ITEM)
COMPLETED = event(
    "response.completed", response=BEGUN | {"status": "completed", "output": [ITEM]}, more=1
)


def test_it_is_queued_under_our_id_before_anybody_is_asked():
    response = running()
    created, queued = read(response.opening())
    assert [created["type"], queued["type"]] == ["response.created", "response.queued"]
    assert [created["sequence_number"], queued["sequence_number"]] == [0, 1]
    told = queued["response"]
    assert (told["id"], told["status"], told["background"]) == (ID, "queued", True)
    assert (told["previous_response_id"], told["store"]) == ("resp_0", True)
    assert (told["model"], told["metadata"]) == ("auto", {"a": "b"})
    assert orjson.loads(response.document())["response"] == told


def test_a_backends_events_are_numbered_anew_and_its_beginning_is_told_once():
    response = running()
    response.opening()
    assert not response.begun
    in_progress = event("response.in_progress", response=BEGUN)
    delta = event("response.output_text.delta", delta="Hi.")
    told = read([*response.take(CREATED + in_progress + b": comment\n\n" + delta + DONE)])
    kinds = [one["type"] for one in told]
    assert kinds == [
        "response.in_progress",
        "response.output_text.delta",
        "response.output_item.done",
    ]
    assert [one["sequence_number"] for one in told] == [2, 3, 4]
    head = told[0]["response"]
    assert (head["id"], head["model"], head["created_at"]) == (ID, "real", 7)
    assert response.begun


def test_the_end_is_held_back_and_nothing_comes_behind_it():
    response = running()
    response.opening()
    assert [*response.take(CREATED + COMPLETED + DONE)][1:] == []
    finish = response.finish
    assert finish is not None
    [last] = read([finish.event])
    assert (last["type"], last["sequence_number"], last["more"]) == ("response.completed", 3, 1)
    assert finish.number == 3
    stored = orjson.loads(finish.document)
    assert stored["response"] == last["response"]
    assert (stored["response"]["id"], stored["response"]["created_at"]) == (ID, 7)
    assert [name for name, _ in finish.items] == ["msg_1"]
    assert orjson.loads(finish.instead)["response"]["status"] == "failed"


@pytest.mark.parametrize("status", ["completed", "incomplete"])
def test_an_answer_that_came_whole_is_told_as_events_too(status):
    response = running()
    response.opening()
    answer = orjson.dumps(BEGUN | {"status": status, "output": [ITEM]})
    told = read([*response.whole(answer)])
    assert [one["sequence_number"] for one in told] == [2, 3, 4]
    assert response.finish is not None
    assert read([response.finish.event])[0]["type"] == f"response.{status}"


@pytest.mark.parametrize(
    ("error", "code"),
    [(Unavailable("Gone."), "server_error"), (LimitExceeded("Much."), "rate_limit_exceeded")],
)
def test_what_failed_keeps_the_items_that_were_whole(error, code):
    response = running()
    response.opening()
    told = [*response.take(CREATED + DONE)]
    response.fail(error)
    assert response.finish is not None
    [last] = read([response.finish.event])
    assert (last["type"], last["sequence_number"]) == ("response.failed", 2 + len(told))
    assert last["response"]["error"] == {"code": code, "message": error.message}
    assert last["response"]["output"] == [ITEM]


def test_an_event_that_cannot_be_read_is_counted_and_passed_over():
    response = running()
    twice = b'data: {"type":"x","a":1,"a":2}\n\n'
    assert [*response.take(twice + b"data: [DONE]\n\n" + CREATED)] != []
    assert response.unread == 1


def test_what_is_stored_and_told_is_enough_to_end_it():
    response = running()
    opening = response.opening()
    told = b"".join([*opening, *response.take(CREATED + DONE)])
    stopped = orjson.loads(cancelled(response.document(), told))
    assert stopped["input"][0]["content"][0]["text"] == "Hello"
    assert (stopped["response"]["status"], stopped["response"]["output"]) == ("cancelled", [ITEM])
    assert not is_running(stopped["response"])
    assert is_running(orjson.loads(response.document())["response"])
    document, number, last = killed(response.document(), told)
    assert orjson.loads(document)["response"]["status"] == "failed"
    [event_told] = read([last])
    assert event_told["sequence_number"] == number == BEHIND_ALL
    assert "charged" in event_told["response"]["error"]["message"]


def test_events_of_a_block_are_found_behind_a_number():
    block = DONE + COMPLETED
    assert behind(block, 5, 4) == behind(block, 5, -1) == block
    assert behind(block, 5, 5) == COMPLETED
    assert behind(block, 5, 6) == b""
