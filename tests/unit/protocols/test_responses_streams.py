"""Streams as clients of responses get them, held to the types of the official package."""

from typing import Any

import orjson
import pytest
from responses_answers import EVENT, answer, around, asked, kinds, pieces, streamed, told, whole

from router.errors import LimitExceeded, StreamBroken, TurnoutError
from router.protocols.hub.answer import CALLS, REFUSAL, Logprob, Stop
from router.protocols.hub.conversation import (
    Audio,
    Call,
    Citation,
    Image,
    Refusal,
    Seal,
    Text,
    Thinking,
)
from router.protocols.hub.events import (
    Ended,
    PartClosed,
    PartDelta,
    PartNoted,
    PartOpened,
    Started,
    Stopped,
)
from router.protocols.hub.gather import events_of
from router.protocols.hub.table import CLIENTS
from router.protocols.passage import MalformedReply
from router.protocols.responses.errors import response_error_event
from router.protocols.responses.stream_writer import ResponsesWriter
from router.protocols.sse import data_of, events


class TestStreamed:
    """The whole ordered row of events."""

    def test_a_text(self) -> None:
        found = streamed(around(*pieces(0, Text(""), "Hel", "lo")))
        assert kinds(found) == [
            *("created", "in_progress", "output_item.added", "content_part.added"),
            *("output_text.delta", "output_text.delta", "output_text.done"),
            *("content_part.done", "output_item.done", "completed"),
        ]
        done = found[-1]["response"]
        assert found[6]["text"] == done["output"][0]["content"][0]["text"] == "Hello"
        assert done["usage"]["output_tokens"] == 5
        assert found[0]["response"]["status"] == "in_progress"

    def test_a_thought_and_a_call(self) -> None:
        found = streamed(
            around(
                *pieces(0, Thinking(""), "Hm", "m.", note=Seal("messages", "Q==")),
                *pieces(1, Call("c", "crm__f", ""), '{"a":', "1}"),
                stop=CALLS,
            )
        )
        assert kinds(found)[2:-1] == [
            *("output_item.added", "reasoning_summary_part.added"),
            *("reasoning_summary_text.delta", "reasoning_summary_text.delta"),
            *("reasoning_summary_text.done", "reasoning_summary_part.done", "output_item.done"),
            *("output_item.added", "function_call_arguments.delta"),
            *("function_call_arguments.delta", "function_call_arguments.done"),
            "output_item.done",
        ]
        thought, call = found[-1]["response"]["output"]
        assert thought["encrypted_content"] == "turnout:messages:Q=="
        assert (call["namespace"], call["name"], call["arguments"]) == ("crm", "f", '{"a":1}')
        assert found[-2]["item"] == call

    def test_a_custom_call_and_a_search(self) -> None:
        found = streamed(
            around(
                *pieces(0, Call("c", "p", "", "custom"), "x", "y"),
                *pieces(1, Call("d", "tool_search", ""), '{"query":', '"x"}'),
            )
        )
        assert kinds(found)[2:-1] == [
            *("output_item.added", "custom_tool_call_input.delta", "custom_tool_call_input.delta"),
            *("custom_tool_call_input.done", "output_item.done"),
            *("output_item.added", "output_item.done"),
        ]
        assert found[5]["input"] == "xy"
        assert found[-2]["item"]["arguments"] == {"query": "x"}

    def test_a_refusal(self) -> None:
        found = streamed(around(*pieces(0, Refusal(""), "No."), stop=REFUSAL))
        assert "refusal.delta" in kinds(found)
        assert "refusal.done" in kinds(found)
        assert found[-1]["response"]["status"] == "completed"

    def test_what_a_refusal_says_of_itself_is_told(self) -> None:
        stop = Stopped(0, Stop(REFUSAL, details={"explanation": "Not that."}))
        found = streamed([Started("r", "m"), stop, Ended()])
        assert found[-1]["response"]["output"][0]["content"][0]["refusal"] == "Not that."

    def test_parts_that_are_open_side_by_side_are_items_side_by_side(self) -> None:
        found = streamed(
            around(
                PartOpened(0, 0, Call("a", "f", "")),
                PartOpened(0, 1, Call("b", "f", "")),
                PartDelta(0, 1, "{"),
                PartDelta(0, 0, "{"),
                PartDelta(0, 1, "}"),
                PartDelta(0, 0, "}"),
                PartClosed(0, 1),
                PartClosed(0, 0),
            )
        )
        places = [e["output_index"] for e in found if e["type"].endswith("arguments.delta")]
        assert places == [1, 0, 1, 0]
        calls = found[-1]["response"]["output"]
        assert [(call["call_id"], call["arguments"]) for call in calls] == [
            ("a", "{}"),
            ("b", "{}"),
        ]

    def test_an_empty_part_leaves_nothing_behind(self) -> None:
        found = streamed(around(*pieces(0, Text("")), *pieces(1, Thinking(""))))
        assert kinds(found) == ["created", "in_progress", "completed"]

    def test_citations_and_log_probabilities_come_with_their_text(self) -> None:
        scored = (Logprob("a", -0.5),)
        found = streamed(
            around(
                PartOpened(0, 0, Text("")),
                PartDelta(0, 0, "a", scored),
                PartNoted(0, 0, Citation("chat", {}, "https://h/", "T")),
                PartClosed(0, 0),
            )
        )
        assert found[4]["logprobs"][0]["token"] == "a"
        assert found[5]["type"] == "response.output_text.annotation.added"
        part = found[-1]["response"]["output"][0]["content"][0]
        assert part["annotations"][0]["url"] == "https://h/"
        assert part["logprobs"][0]["logprob"] == -0.5

    def test_one_that_the_gateway_ends_is_well_formed(self) -> None:
        writer = CLIENTS["responses"].writer(asked(), 7)
        begun = [Started("r", "m"), PartOpened(0, 0, Text("")), PartDelta(0, 0, "Hel")]
        found = told(writer.write(begun) + writer.cut("r1", "m", "the quota is used up"))
        assert found[-1]["turnout"] == {"ended": "the quota is used up"}
        response = found[-1]["response"]
        assert response["incomplete_details"] == {"reason": "max_output_tokens"}
        assert response["output"][0]["content"][0]["text"] == "Hel"
        assert response["output"][0]["status"] == "incomplete"

    def test_one_that_is_ended_before_it_began_is_well_formed_too(self) -> None:
        found = told(CLIENTS["responses"].writer(asked(), 7).cut("r1", "m", "why"))
        assert kinds(found) == ["created", "in_progress", "incomplete"]

    def test_what_is_kept_is_bounded(self) -> None:
        writer = ResponsesWriter(asked(), 7, largest=5)
        writer.write([Started("r", "m"), PartOpened(0, 0, Text("")), PartDelta(0, 0, "12345")])
        with pytest.raises(MalformedReply):
            writer.write([PartDelta(0, 0, "6")])

    @pytest.mark.parametrize(
        "parts",
        [
            (Text("a"), Text("b")),
            (Thinking("t", Seal("messages", "Q==")), Text("a"), Call("c", "crm__f", "{}")),
            (Image("image/png", "QUJD"), Audio("", "QUJD"), Refusal("no")),
            (Call("c", "f", "{}", seal=Seal("gemini", "Q==")), Call("d", "p", "x", "custom")),
        ],
    )
    def test_it_tells_what_the_whole_does(self, parts: Any) -> None:
        found = streamed(events_of(answer(*parts)))
        body = whole(*parts)
        assert without_ids(found[-1]["response"]) == without_ids(body)
        assert without_ids([e["item"] for e in found if "item.done" in e["type"]]) == (
            without_ids(body["output"])
        )


def without_ids(value: Any) -> Any:
    """A value but for the ids that are made up anew each time."""
    if isinstance(value, list):
        return [without_ids(inner) for inner in value]
    if isinstance(value, dict):
        return {name: without_ids(held) for name, held in value.items() if name != "id"}
    return value


@pytest.mark.parametrize("error", [StreamBroken("It broke."), LimitExceeded("Enough.")])
def test_an_error_in_a_stream_is_told_to_every_kind_of_client(error: TurnoutError) -> None:
    first, last = [
        orjson.loads(data_of(event) or b"") for event in events(response_error_event(error))
    ]
    EVENT.validate_python(first)
    EVENT.validate_python(last)
    assert first["message"] == first["error"]["message"] == error.message
    assert last["response"]["error"]["message"] == error.message
    assert last["response"]["status"] == "failed"
    assert first["sequence_number"] < last["sequence_number"]
