"""A response that is over, told as events that the official package knows."""

from typing import Any

import orjson
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from router.protocols.responses.retelling import retold_events
from router.protocols.sse import data_of

EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
TEXT = {"type": "output_text", "text": "Hi.", "annotations": [], "logprobs": []}
SEARCH = {"type": "search", "query": "x"}
OUTPUT: list[dict[str, Any]] = [
    {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": "Hm."}],
        "content": [{"type": "reasoning_text", "text": "Well."}],
    },
    {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "status": "completed",
        "content": [TEXT, {"type": "refusal", "refusal": "No."}],
    },
    {
        "type": "function_call",
        "id": "fc_1",
        "call_id": "call_1",
        "name": "f",
        "arguments": "{}",
        "status": "completed",
    },
    {"type": "custom_tool_call", "id": "ctc_1", "call_id": "call_2", "name": "g", "input": "x"},
    {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": SEARCH},
]
RESPONSE: dict[str, Any] = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1,
    "status": "completed",
    "completed_at": 2,
    "model": "m",
    "output": OUTPUT,
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
}


def told(response: dict[str, Any]) -> list[dict[str, Any]]:
    return [orjson.loads(data_of(event) or b"") for event in retold_events(response)]


def test_each_event_is_of_the_official_shape_and_in_its_place():
    events = told(RESPONSE)
    for number, event in enumerate(events):
        assert event["sequence_number"] == number
        EVENT.validate_python(event)
    assert events[-1]["response"] == RESPONSE
    assert "completed_at" not in events[0]["response"]


def test_the_deltas_say_what_the_items_hold_and_every_item_is_told_whole():
    events = told(RESPONSE)
    said = [event["delta"] for event in events if event["type"].endswith(".delta")]
    assert said == ["Hm.", "Well.", "Hi.", "No.", "{}", "x"]
    whole = [e["item"] for e in events if e["type"] == "response.output_item.done"]
    assert whole == OUTPUT
    begun = [e["item"] for e in events if e["type"] == "response.output_item.added"]
    assert [item["id"] for item in begun] == [item["id"] for item in OUTPUT]
    assert "Hi." not in str(begun)


def test_an_end_that_is_not_good_is_told_as_what_it_was():
    assert told(RESPONSE | {"status": "incomplete"})[-1]["type"] == "response.incomplete"


def test_the_same_response_is_always_told_alike():
    assert [*retold_events(RESPONSE)] == [*retold_events(RESPONSE)]
