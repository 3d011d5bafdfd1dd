"""What a connection remembers, and for how long."""

import json
from typing import Any

import pytest
from fakes.websocket import message

from router.api.websocket.memory import Memory, Room
from router.errors import BadRequest
from router.protocols.responses.frames import Create, Earlier, read_message
from router.protocols.responses.kept import kept_id


def create(**members: Any) -> Create:
    told = {"type": "response.create", "model": "m", "input": "Hi", "store": False} | members
    return read_message(json.dumps(told).encode())


def response(id_: str, text: str = "x" * 100, **more: Any) -> bytes:
    return json.dumps({"id": id_, "output": [message(text)]} | more).encode()


def new_memory(most: int) -> Memory:
    return Memory(most, Room(1_000_000))


def knows(memory: Memory, id_: str) -> bool:
    try:
        return bool(memory.earlier(create(previous_response_id=id_)).parts)
    except BadRequest:
        return False


def test_the_oldest_make_room_for_the_newest():
    memory = new_memory(2_000)
    for number in range(5):
        memory.add(response(f"resp_{number}"), create(), Earlier())
    known = [knows(memory, f"resp_{number}") for number in range(5)]
    assert known == sorted(known)
    assert set(known) == {False, True}


def test_responses_that_say_nothing_have_a_size_too():
    memory = new_memory(100_000)
    for number in range(1_000):
        memory.add(f'{{"id":"resp_{number}"}}'.encode(), create(input=[]), Earlier())
    assert len(memory._held) < 400


def test_connections_share_their_room_and_the_oldest_of_all_goes_first():
    room = Room(2_000)
    idle, busy = Memory(10_000, room), Memory(10_000, room)
    idle.add(response("resp_idle"), create(), Earlier())
    for number in range(10):
        busy.add(response(f"resp_{number}"), create(), Earlier())
    assert not knows(idle, "resp_idle")
    assert knows(busy, "resp_9")
    assert 0 < room.size <= 2_000
    busy.close()
    assert room.size == 0


def test_a_conversation_larger_than_all_room_is_not_remembered_and_costs_no_other():
    memory = new_memory(2_000)
    memory.add(response("resp_small"), create(), Earlier())
    memory.add(response("resp_large", "x" * 2_000), create(), Earlier())
    assert not knows(memory, "resp_large")
    assert knows(memory, "resp_small")


@pytest.mark.parametrize(
    ("store", "told", "remembered"),
    [(False, True, True), (False, False, True), (None, True, False), (None, False, True)],
)
def test_what_is_stored_elsewhere_is_not_remembered(store, told, remembered):
    memory = new_memory(2_000)
    memory.add(response("resp_1", store=told), create(store=store), Earlier())
    assert knows(memory, "resp_1") is remembered


def test_thoughts_without_a_seal_are_left_out_since_no_backend_remembers_them():
    memory = new_memory(2_000)
    output = [
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": "sealed"},
    ]
    memory.add(json.dumps({"id": "resp_1", "output": output}).encode(), create(), Earlier())
    parts = memory.earlier(create(previous_response_id="resp_1")).parts
    assert b"rs_2" in parts[-1]
    assert b"rs_1" not in parts[-1]


def test_a_response_of_the_gateways_is_looked_for_whatever_store_says():
    id_ = kept_id("0" * 32)
    assert new_memory(2_000).earlier(create(previous_response_id=id_)) == Earlier(id_)


def test_what_is_no_response_is_not_remembered():
    memory = new_memory(2_000)
    for told in (b"null", b"{}", b'{"id": 7}', b'{"id": "resp_1", "output": "no list"}'):
        memory.add(told, create(), Earlier())
    assert knows(memory, "resp_1")  # what was asked, at least
