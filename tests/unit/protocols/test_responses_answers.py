"""Whole answers as clients of responses get them, held to the types of the official package."""

from typing import Any

import pytest
from responses_answers import FUNCTION, NAMESPACE, SEARCH, answer, asked, whole

from router.protocols.hub.answer import CALLS, END, LENGTH, REFUSAL, Logprob, Stop
from router.protocols.hub.conversation import (
    Audio,
    Call,
    Citation,
    Image,
    Opaque,
    Refusal,
    Seal,
    Text,
    Thinking,
)
from router.protocols.hub.table import CLIENTS


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
        assert body["tools"] == [{"description": None, **FUNCTION}, NAMESPACE, SEARCH]
        assert body["reasoning"] == {"effort": "low", "summary": None}
        assert body["text"] == {"format": {"type": "text"}, "verbosity": "low"}
        assert (body["store"], body["truncation"]) == (False, "disabled")

    def test_what_a_request_leaves_out_is_told_as_open_responses_requires_it(self) -> None:
        wanted = {"type": "json_schema", "name": "n", "schema": {}}
        body = whole(Text("a"), text={"format": wanted}, tools=[{"type": "function", "name": "f"}])
        numbers = ("frequency_penalty", "presence_penalty", "temperature", "top_p")
        assert [body[name] for name in numbers] == [0.0, 0.0, 1.0, 1.0]
        assert body["completed_at"] == body["created_at"]
        assert body["text"]["format"] == {"description": None, "strict": False, **wanted}
        unsaid = {"description": None, "parameters": None, "strict": True}
        assert body["tools"] == [{**unsaid, "type": "function", "name": "f"}]

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
