"""One script in four protocols: what is heard and what is said are the same in each."""

import json

import pytest

from conformance.scripted.heard import READERS, Heard
from conformance.scripted.scripts import AFTER, BEFORE, HELLO, Call, Said
from conformance.scripted.unmarked import answer_to
from conformance.scripted.writers import WRITERS

TOOLS = "How warm is it? [job:tools]"
ASKED = {
    "chat": {
        "messages": [
            {"role": "user", "content": TOOLS},
            {"role": "assistant", "tool_calls": []},
            {"role": "tool", "tool_call_id": "c", "content": "warm"},
        ],
        "tools": [{"type": "function", "function": {"name": "weather"}}],
    },
    "responses": {
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": TOOLS}]},
            {"type": "function_call_output", "call_id": "c", "output": "warm"},
        ],
        "tools": [{"type": "function", "name": "weather"}],
    },
    "messages": {
        "messages": [
            {"role": "user", "content": TOOLS},
            {"role": "user", "content": [{"type": "tool_result", "content": "warm"}]},
        ],
        "tools": [{"name": "weather"}],
    },
    "gemini": {
        "contents": [
            {"role": "user", "parts": [{"text": TOOLS}]},
            {"role": "user", "parts": [{"functionResponse": {"response": {"output": "warm"}}}]},
        ],
        "tools": [{"functionDeclarations": [{"name": "weather"}]}],
    },
}


@pytest.mark.parametrize("protocol", READERS)
def test_every_protocol_is_heard_alike(protocol):
    heard = READERS[protocol](ASKED[protocol])
    assert heard.results == ["warm"]
    assert list(heard.tools) == ["weather"]
    assert answer_to(heard) == Said("The tools said: warm")


@pytest.mark.parametrize("protocol", WRITERS)
def test_a_stream_ends_with_all_that_a_whole_answer_has(protocol):
    said, heard, writer = Said(HELLO), Heard(), WRITERS[protocol]
    events = [e for e in writer.events(said, heard, "m", {}) if isinstance(e, dict)]
    pieces = "".join(_text(event) for event in events)
    assert pieces == HELLO
    assert HELLO in json.dumps(writer.whole(said, heard, "m", {}))


def _text(event: dict) -> str:
    """The piece of text in a chunk of a chat, an event of a response or a message, or Gemini's."""
    if "choices" in event:
        return "".join(choice["delta"].get("content") or "" for choice in event["choices"])
    if "candidates" in event:
        return event["candidates"][0]["content"]["parts"][0].get("text", "")
    delta = event.get("delta")
    return delta if isinstance(delta, str) else (delta or {}).get("text", "")


def test_an_edit_reads_first_and_then_changes_what_was_wrong():
    heard = Heard(texts=["[job:edit /w/a.txt]"], tools={"read": "function", "edit": "function"})
    first = answer_to(heard)
    heard.results.append(BEFORE)
    second = answer_to(heard)
    assert first.calls == (Call("read", {"filePath": "/w/a.txt"}),)
    change = second.calls[0].arguments
    assert BEFORE.replace(change["oldString"], change["newString"]) == AFTER


def test_what_names_no_job_is_greeted():
    assert answer_to(Heard(texts=["Give this conversation a title."])) == Said(HELLO)


def test_a_tool_that_must_be_called_is_called_by_its_schema():
    shape = {"type": "object", "properties": {"input": {"type": "integer"}}}
    heard = Heard(texts=["What is f(3)?"], tools={"f": "function"}, forced=True)
    heard.parameters["f"] = shape
    assert answer_to(heard) == Said(calls=(Call("f", {"input": 3}),))


def test_a_schema_is_met_also_where_no_job_is_named():
    schema = {
        "$defs": {"A": {"enum": ["x"]}},
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/A"}},
    }
    assert answer_to(Heard(schema=schema)) == Said('{"a": "x"}')
