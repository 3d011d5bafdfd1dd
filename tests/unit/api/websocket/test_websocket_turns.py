"""Responses over a connection: what each goes on from, where it is told, and how it ends."""

import asyncio
import json
from typing import Any

import pytest
from fakes.websocket import Answering, FakeWebSocket, life, message

from router.errors import LimitExceeded


def texts(body: dict[str, Any]) -> list[str]:
    """What a body's input says."""
    given = body["input"]
    items = [{"content": given}] if isinstance(given, str) else given
    return [
        content if isinstance(content := item["content"], str) else content[0]["text"]
        for item in items
    ]


class Held(Answering):
    """Answers nobody until it is told to."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.go = asyncio.Event()
        self.ended: list[str] = []

    async def tell(self, turn: Any, number: int) -> None:
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.ended.append("left")
            raise
        await super().tell(turn, number)


async def test_a_message_is_a_body_without_what_is_the_connections():
    inference = Answering()
    client = FakeWebSocket(inference)
    client.create(stream_id="main", temperature=0.5)
    told = await client.answer()
    assert inference.bodies == [
        {"model": "auto", "input": "Hi", "store": False, "temperature": 0.5, "stream": True}
    ]
    assert [event["type"] for event in told] == ["response.created", "response.completed"]
    assert {event["stream_id"] for event in told} == {"main"}


async def test_the_default_lane_has_no_name_in_its_events():
    client = FakeWebSocket(Answering())
    client.create()
    assert all("stream_id" not in event for event in await client.answer())


async def test_a_response_goes_on_from_what_its_connection_remembers():
    inference = Answering()
    client = FakeWebSocket(inference)
    client.create(input="one")
    await client.answer()
    client.create(
        input=[{"role": "user", "content": "two"}], previous_response_id="resp_1", stream_id="b"
    )
    told = await client.answer()
    assert inference.room.size > 0
    assert texts(inference.bodies[1]) == ["one", "answer 1", "two"]
    assert "previous_response_id" not in inference.bodies[1]
    assert "id" not in inference.bodies[1]["input"][1]  # no backend is asked to know it
    assert {event["response"]["previous_response_id"] for event in told} == {"resp_1"}
    client.create(input="three", previous_response_id="resp_2")
    await client.answer()
    assert texts(inference.bodies[2]) == ["one", "answer 1", "two", "answer 2", "three"]
    client.leave()
    assert inference.room.size == 0


async def test_what_a_connection_forgot_is_not_found_and_says_what_to_do():
    inference = Answering()
    client = FakeWebSocket(inference)
    client.create(previous_response_id="resp_none", stream_id="x")
    (error,) = await client.answer()
    assert (error["type"], error["status"], error["stream_id"]) == ("error", 400, "x")
    assert error["error"]["code"] == "previous_response_not_found"
    assert "whole conversation" in error["error"]["message"]
    client.create()
    assert (await client.answer())[-1]["type"] == "response.completed"


async def test_what_somebody_stores_is_asked_for_there_and_its_continuation_is_remembered():
    inference = Answering()
    client = FakeWebSocket(inference)
    client.create(input="one", previous_response_id="resp_stored", store=None)
    await client.answer()
    assert inference.bodies[0]["previous_response_id"] == "resp_stored"
    client.create(input="two", previous_response_id="resp_1")
    await client.answer()
    assert inference.bodies[1]["previous_response_id"] == "resp_stored"
    assert texts(inference.bodies[1]) == ["one", "answer 1", "two"]


async def test_a_warm_up_asks_no_backend_and_is_continued():
    inference = Answering()
    client = FakeWebSocket(inference)
    client.create(generate=False, input="long instructions", stream_id="w")
    created, completed = await client.answer()
    assert created["type"] == "response.created"
    assert completed["response"]["usage"]["total_tokens"] == 0
    assert completed["response"]["output"] == []
    assert inference.bodies == []
    client.create(input="go", previous_response_id=completed["response"]["id"])
    await client.answer()
    assert texts(inference.bodies[0]) == ["long instructions", "go"]


async def test_a_warm_up_may_have_no_input_and_continue():
    inference = Answering()
    client = FakeWebSocket(inference)
    client.send(b'{"type":"response.create","model":"auto","generate":false,"store":false}')
    first = (await client.answer())[-1]["response"]["id"]
    client.create(generate=False, input="one", previous_response_id=first)
    second = (await client.answer())[-1]["response"]
    assert second["previous_response_id"] == first
    client.create(input="two", previous_response_id=second["id"])
    await client.answer()
    assert texts(inference.bodies[0]) == ["one", "two"]


async def test_a_lane_is_in_order_and_lanes_run_side_by_side():
    inference = Held()
    client = FakeWebSocket(inference)
    for lane in ("a", "a", "b"):
        client.create(stream_id=lane, input=lane)
    await asyncio.sleep(0)
    assert [texts(body) for body in inference.bodies] == [["a"], ["b"]]
    inference.go.set()
    told = await client.answer()
    assert [event["stream_id"] for event in told if event["type"] == "response.completed"] == [
        *("a", "b", "a")
    ]


async def test_at_most_sixteen_responses_run_at_a_time():
    inference = Held()
    client = FakeWebSocket(inference)
    for number in range(20):
        client.create(stream_id=f"lane{number}")
    await asyncio.sleep(0)
    assert len(inference.bodies) == 16
    assert (inference.metrics.in_flight, inference.metrics.websockets) == (16, 1)
    inference.go.set()
    told = await client.answer()
    assert sum(event["type"] == "response.completed" for event in told) == 20


async def test_a_lane_too_many_is_refused_and_the_others_go_on():
    client = FakeWebSocket(Answering())
    for number in range(32):
        client.create(stream_id=f"lane{number}")
    await client.answer()
    client.create(stream_id="lane32")
    (error,) = await client.answer()
    assert error["error"]["code"] == "websocket_stream_limit_reached"
    assert error["stream_id"] == "lane32"
    client.create(stream_id="lane3")
    assert (await client.answer())[-1]["type"] == "response.completed"


async def test_nothing_more_is_read_while_much_waits():
    inference = Held()
    client = FakeWebSocket(inference)
    for _ in range(64):
        client.create()
    assert not client.socket.paused
    client.create()
    assert client.socket.paused
    inference.go.set()
    await client.answer()
    assert not client.socket.paused


async def test_a_client_that_leaves_ends_what_runs_for_it():
    inference = Held()
    client = FakeWebSocket(inference)
    client.create()
    client.create(stream_id="b")
    await asyncio.sleep(0)
    client.leave()
    await client.settled()
    assert inference.ended == ["left", "left"]
    assert client.http.server_state.connections == set()
    assert inference.metrics.websockets == 0


async def test_a_client_that_leaves_while_nothing_is_read_ends_what_runs_for_it():
    inference = Held()
    client = FakeWebSocket(inference)
    for _ in range(70):
        client.create()
    await asyncio.sleep(0)
    client.edge.pause_writing()
    client.edge.eof_received()
    client.leave()
    await client.settled()
    assert inference.ended == ["left"]
    assert inference.metrics.in_flight == 0


async def test_a_client_that_says_goodbye_ends_what_runs_for_it():
    inference = Held()
    client = FakeWebSocket(inference)
    client.create()
    await asyncio.sleep(0)
    client.frames.send_close(1000)
    client.flush()
    await client.settled()
    assert inference.ended == ["left"]
    assert client.socket.half_closed


async def test_a_stream_without_an_end_gets_one():
    class Cut(Answering):
        async def tell(self, turn: Any, number: int) -> None:
            await turn.write(life("created", id="resp_1"))

    client = FakeWebSocket(Cut())
    client.create()
    told = await client.answer()
    assert [event["type"] for event in told] == ["response.created", "error"]
    assert (told[1]["status"], told[1]["error"]["code"]) == (502, "stream_broken")


async def test_nothing_is_told_behind_an_end():
    class Talks(Answering):
        async def tell(self, turn: Any, number: int) -> None:
            error = {"type": "error", "code": "server_error", "message": "It broke.", "param": None}
            await turn.write(b"event: error\ndata: %b\n\n" % json.dumps(error).encode())
            await turn.write(life("failed", id="resp_1"))

    client = FakeWebSocket(Talks())
    client.create(stream_id="a")
    (error,) = await client.answer()
    assert (error["status"], error["stream_id"]) == (502, "a")
    assert error["error"]["message"] == "It broke."
    assert error["error"]["type"] == "server_error"


async def test_an_error_says_when_to_come_back_and_which_request_it_was():
    class Full(Answering):
        async def tell(self, turn: Any, number: int) -> None:
            raise LimitExceeded("Enough.", headers=(("retry-after", "7"),))

    client = FakeWebSocket(Full())
    client.create()
    (error,) = await client.answer()
    assert (error["status"], error["error"]["code"]) == (429, "rate_limit_exceeded")
    assert error["headers"]["retry-after"] == "7"
    assert len(error["headers"]["x-request-id"]) == 32


async def test_a_key_that_is_revoked_meanwhile_is_refused_at_the_next_response():
    inference = Answering()
    client = FakeWebSocket(inference)
    client.create()
    await client.answer()
    inference.corridor.authenticator._principals.clear()
    client.create()
    (error,) = await client.answer()
    assert (error["status"], error["error"]["code"]) == (401, "invalid_api_key")


async def test_a_conversation_larger_than_a_body_is_refused():
    class Says(Answering):
        async def tell(self, turn: Any, number: int) -> None:
            said = message("x" * 600)
            await turn.write(life("completed", id=f"resp_{number}", output=[said]))

    client = FakeWebSocket(Says(body=1_000))
    client.create()
    await client.answer()
    client.create(input="y" * 400, previous_response_id="resp_1")
    (error,) = await client.answer()
    assert (error["status"], error["error"]["code"]) == (413, "payload_too_large")


async def test_a_stream_waits_for_a_client_that_is_behind():
    inference = Held()
    client = FakeWebSocket(inference)
    client.create()
    await asyncio.sleep(0)
    client.edge.pause_writing()
    assert client.socket.paused  # its pings would be answered
    inference.go.set()
    await asyncio.sleep(0)
    assert client.got() == []
    client.edge.resume_writing()
    told = await client.answer()
    assert [event["type"] for event in told] == ["response.created", "response.completed"]
    assert not client.socket.paused


@pytest.mark.parametrize(
    ("header", "goes_on"),
    [
        ("OpenAI-Beta", b"other=v1"),
        ("Idempotency-Key", None),
        ("X-Turnout-Route", b"x"),
    ],
)
async def test_headers_of_the_connection_are_those_of_each_response(header, goes_on):
    class Looks(Answering):
        fields: dict[bytes, bytes]

        async def tell(self, turn: Any, number: int) -> None:
            self.fields = turn.fields
            await super().tell(turn, number)

    inference = Looks()
    sent = "responses_websockets=2026-02-06, other=v1" if header == "OpenAI-Beta" else "x"
    client = FakeWebSocket(inference, {"Authorization": "Bearer tk-known", header: sent})
    client.create()
    await client.answer()
    assert inference.fields.get(header.lower().encode()) == goes_on
