"""Answers as clients of responses get them, held to the types of the official package."""

import json
from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from router.errors import LimitExceeded, StreamBroken, TurnoutError
from router.operations.response import parse_response
from router.protocols.hub.answer import (
    CALLS,
    END,
    INPUT,
    LENGTH,
    OUTPUT,
    REFUSAL,
    Alternative,
    Answer,
    Logprob,
    Stop,
    UsageLine,
)
from router.protocols.hub.conversation import (
    Audio,
    Call,
    Citation,
    Image,
    Opaque,
    Part,
    Refusal,
    Seal,
    Text,
    Thinking,
)
from router.protocols.hub.events import (
    Ended,
    Event,
    PartClosed,
    PartDelta,
    PartNoted,
    PartOpened,
    Started,
    Stopped,
    UsageSeen,
)
from router.protocols.hub.gather import events_of
from router.protocols.hub.table import CLIENTS, SERVERS
from router.protocols.passage import ErrorInside, MalformedReply
from router.protocols.responses.errors import response_error_event
from router.protocols.responses.stream_writer import ResponsesWriter
from router.protocols.sse import data_of, events

EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
USAGE = (UsageLine(INPUT, 10), UsageLine(OUTPUT, 5))
FUNCTION = {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": True}
NAMESPACE = {"type": "namespace", "name": "crm", "description": "d", "tools": [FUNCTION]}
SEARCH = {"type": "tool_search", "execution": "client", "description": "d", "parameters": {}}


def asked(**fields: Any) -> Any:
    body = {"model": "a", "input": "x", "tools": [FUNCTION, NAMESPACE, SEARCH]} | fields
    return parse_response(json.dumps(body).encode())


def answer(*parts: Part, stop: Stop | None = None, logprobs: Any = ()) -> Answer:
    alternative = Alternative(parts, stop or Stop(END), logprobs)
    return Answer("resp_1", "served", (alternative,), USAGE)


def whole(*parts: Part, stop: Stop | None = None, logprobs: Any = (), **fields: Any) -> Any:
    """A whole response, which the official package takes."""
    written = CLIENTS["responses"].write_answer(answer(*parts, stop=stop, logprobs=logprobs),
                                                asked(**fields), 7)  # fmt: skip
    body = orjson.loads(orjson.dumps(written.body))
    Response.model_validate(body)
    return body


def told(stream: bytes) -> list[dict[str, Any]]:
    """The events of a stream, numbered without a gap, each of a type the package knows."""
    found = [orjson.loads(data_of(event) or b"{}") for event in events(stream)]
    for number, event in enumerate(found):
        assert event["sequence_number"] == number
        EVENT.validate_python(event)
    return found


def streamed(given: Sequence[Event], **fields: Any) -> list[dict[str, Any]]:
    return told(CLIENTS["responses"].writer(asked(**fields), 7).write(given))


def pieces(number: int, head: Part, *texts: str, note: Any = None) -> list[Event]:
    noted = [PartNoted(0, number, note)] if note else []
    deltas = [PartDelta(0, number, text) for text in texts]
    return [PartOpened(0, number, head), *deltas, *noted, PartClosed(0, number)]


def around(*given: Event, stop: str = END) -> list[Event]:
    begun = Started("resp_1", "served")
    return [begun, *given, Stopped(0, Stop(stop)), UsageSeen(USAGE), Ended()]


def kinds(found: list[dict[str, Any]]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in found]


class TestWhole:
    """One body."""

    def test_texts_that_follow_each_other_are_one_message(self) -> None:
        body = whole(Text("a"), Text("b"), Call("c", "f", "{}"), Text("d"), stop=Stop(CALLS))
        assert [item["type"] for item in body["output"]] == ["message", "function_call", "message"]
        assert [part["text"] for part in body["output"][0]["content"]] == ["a", "b"]
        assert body["status"] == "completed"
        assert body["usage"]["total_tokens"] == 15

    def test_the_request_is_told_back_and_nothing_is_said_to_be_stored(self) -> None:
        body = whole(
            Text("a"),
            instructions="i",
            temperature=0.5,
            metadata={"a": "b"},
            store=True,
            truncation="auto",
            tool_choice="required",
            reasoning={"effort": "low"},
            text={"verbosity": "low"},
            max_output_tokens=9,
        )
        assert (body["instructions"], body["temperature"]) == ("i", 0.5)
        assert (body["metadata"], body["tool_choice"]) == ({"a": "b"}, "required")
        assert body["tools"] == [FUNCTION, NAMESPACE, SEARCH]
        assert body["reasoning"] == {"effort": "low", "summary": None}
        assert body["text"] == {"format": {"type": "text"}, "verbosity": "low"}
        assert (body["store"], body["truncation"]) == (False, "disabled")

    def test_ids_are_unlike_any_others(self) -> None:
        parts = (Thinking("t"), Text("a"), Call("c", "f", "{}"))
        ids = [item["id"] for _ in range(2) for item in whole(*parts)["output"]]
        assert len(set(ids)) == 6
        assert [id_.partition("_")[0] for id_ in ids[:3]] == ["rs", "msg", "fc"]

    @pytest.mark.parametrize(
        ("stop", "parts", "status", "why"),
        [
            (LENGTH, (Text("a"),), "incomplete", "max_output_tokens"),
            (REFUSAL, (Text("a"),), "incomplete", "content_filter"),
            (REFUSAL, (Refusal("no"),), "completed", None),
            (END, (), "completed", None),
        ],
    )
    def test_how_it_ended(self, stop: str, parts: Any, status: str, why: str | None) -> None:
        body = whole(*parts, stop=Stop(stop))
        assert body["status"] == status
        assert (body["incomplete_details"] or {}).get("reason") == why

    def test_what_a_refusal_says_of_itself_is_told(self) -> None:
        body = whole(stop=Stop(REFUSAL, details={"explanation": "Not that."}))
        assert body["output"][0]["content"] == [{"type": "refusal", "refusal": "Not that."}]

    def test_calls_have_the_names_their_client_gave(self) -> None:
        calls = (Call("1", "crm__f", "{}"), Call("2", "f", "{}"), Call("3", "p", "x", "custom"))
        one, two, three = whole(*calls)["output"]
        assert (one["namespace"], one["name"]) == ("crm", "f")
        assert (two.get("namespace"), two["name"]) == (None, "f")
        assert (three["type"], three["input"]) == ("custom_tool_call", "x")

    def test_a_search_for_tools_is_the_clients_own(self) -> None:
        (item,) = whole(Call("1", "tool_search", '{"query":"x"}'))["output"]
        assert (item["type"], item["execution"]) == ("tool_search_call", "client")
        assert item["arguments"] == {"query": "x"}

    def test_images_that_the_model_made_are_items(self) -> None:
        (item,) = whole(Image("image/webp", "QUJD"))["output"]
        assert (item["type"], item["result"]) == ("image_generation_call", "QUJD")
        assert item["output_format"] == "webp"

    def test_what_cannot_be_told_is_said_or_named(self) -> None:
        given = answer(Audio("", "QUJD"), Image(url="https://h/a.png"), Opaque("gemini", "code", 1))
        written = CLIENTS["responses"].write_answer(given, asked(), 7)
        texts = [part["text"] for part in written.body["output"][0]["content"]]
        assert "a sound" in texts[0]
        assert "https://h/a.png" in texts[1]
        assert written.dropped == ("audio", "code")

    def test_citations_of_the_web_are_annotations(self) -> None:
        web = Citation("messages", {"x": 1}, "https://h/", "T")
        other = Citation("messages", {"type": "char_location"})
        written = CLIENTS["responses"].write_answer(answer(Text("four", (web, other))), asked(), 7)
        (part,) = written.body["output"][0]["content"]
        assert part["annotations"] == [
            {
                "type": "url_citation",
                "url": "https://h/",
                "title": "T",
                "start_index": 0,
                "end_index": 4,
            }
        ]
        assert written.dropped == ("citations",)

    def test_log_probabilities_stand_at_the_first_text(self) -> None:
        body = whole(Text("a"), logprobs=(Logprob("a", -0.5, None, (Logprob("b", -1.5),)),))
        (scored,) = body["output"][0]["content"][0]["logprobs"]
        assert (scored["token"], scored["bytes"]) == ("a", [97])
        assert scored["top_logprobs"][0]["token"] == "b"

    @pytest.mark.parametrize(
        ("seal", "sealed"),
        [
            (None, "turnout::"),
            (Seal("messages", "Q=="), "turnout:messages:Q=="),
            (Seal("messages", "Q==", "redacted"), "turnout:messages+redacted:Q=="),
        ],
    )
    def test_thoughts_carry_their_seals_marked(self, seal: Seal | None, sealed: str) -> None:
        (item,) = whole(Thinking("t", seal))["output"]
        assert item["summary"] == [{"type": "summary_text", "text": "t"}]
        assert item["encrypted_content"] == sealed

    def test_the_seal_of_a_call_stands_before_it(self) -> None:
        sealed, call = whole(Call("c", "f", "{}", seal=Seal("gemini", "Q==")))["output"]
        assert sealed["encrypted_content"] == "turnout:gemini:Q=="
        assert call["type"] == "function_call"


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


class TestServers:
    """What servers of responses say."""

    @pytest.mark.parametrize(
        ("error", "status"),
        [
            ({"code": "rate_limit_exceeded", "message": "slow"}, 429),
            ({"code": "server_error", "message": "x"}, 502),
            ({"code": "invalid_prompt", "message": "x"}, 400),
            ({"code": "image_too_large", "message": "x"}, 400),
            ({"code": 503, "message": "x"}, 503),
            ({"message": "x"}, 502),
            ("broken", 502),
            (None, 502),
        ],
    )
    def test_a_failed_response_is_an_error(self, error: Any, status: int) -> None:
        response = {"id": "r", "status": "failed", "error": error, "output": []}
        reader = SERVERS["responses"].reader()
        event = {"type": "response.failed", "sequence_number": 1, "response": response}
        with pytest.raises(ErrorInside) as caught:
            SERVERS["responses"].read_answer(response)
        assert caught.value.status == status
        with pytest.raises(ErrorInside) as caught:
            reader.feed(b"data: " + orjson.dumps(event) + b"\n\n")
        assert caught.value.status == status

    @pytest.mark.parametrize(
        "event",
        [
            {"type": "error", "code": "server_error", "message": "broke", "param": None},
            {"type": "error", "error": {"code": "server_error", "message": "broke"}},
            {"error": {"message": "broke"}},
        ],
    )
    def test_an_error_event_of_either_shape_is_an_error(self, event: dict[str, Any]) -> None:
        with pytest.raises(ErrorInside) as caught:
            SERVERS["responses"].reader().feed(b"data: " + orjson.dumps(event) + b"\n\n")
        assert caught.value.message == "broke"

    def test_one_that_tells_all_in_its_last_event_is_read(self) -> None:
        body = whole(Text("a"), Call("c", "f", "{}"))
        event = {"type": "response.completed", "sequence_number": 0, "response": body}
        found = SERVERS["responses"].reader().feed(b"data: " + orjson.dumps(event) + b"\n\n")
        heads = [event.head for event in found if isinstance(event, PartOpened)]
        assert heads == [Text("a"), Call("c", "f", "{}")]

    def test_sections_of_a_thought_are_one_text(self) -> None:
        given = [
            {"type": "response.created", "response": {"id": "r", "model": "m"}},
            {
                "type": "response.output_item.added",
                "output_index": 0,
                "item": {"type": "reasoning", "id": "rs"},
            },
            *(
                {
                    "type": "response.reasoning_summary_text.delta",
                    "output_index": 0,
                    "summary_index": number,
                    "delta": text,
                }
                for number, text in enumerate(("a", "b"))
            ),
        ]
        stream = b"".join(b"data: " + orjson.dumps(event) + b"\n\n" for event in given)
        found = SERVERS["responses"].reader().feed(stream)
        assert "".join(e.text for e in found if isinstance(e, PartDelta)) == "a\n\nb"


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
