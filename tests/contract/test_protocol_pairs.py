"""One suite over every protocol and every pair of them: what is said comes through, or is named."""

import itertools
from typing import Any

import orjson
import pytest
from hub_strategies import (
    answered,
    answers,
    conversations,
    normal,
    streams,
    without,
)
from hypothesis import assume, given
from hypothesis import strategies as st
from shapes import SHAPES

from router.backends.dialects.table import DIALECTS
from router.backends.dialects.translated import dialect_of
from router.operations.chat import parse_chat
from router.operations.content import parse_content
from router.operations.message import parse_message
from router.operations.response import parse_response
from router.protocols.hub.answer import Answer
from router.protocols.hub.conversation import Call, Conversation, Result, Text
from router.protocols.hub.events import Ended
from router.protocols.hub.gather import Gathered
from router.protocols.hub.table import CLIENTS, SERVERS
from router.protocols.hub.usage_lines import billed
from router.protocols.quirks import PLAIN
from router.protocols.unsupported import Unsupported

BOTH_SIDES = sorted(CLIENTS.keys() & SERVERS.keys())
# Google's has no ids of calls, one place for system turns, one word for most ways to end, and joins
# neighbours of one role: what it says comes through, and not as it stood (test_gemini_clients).
KEEPING = [protocol for protocol in BOTH_SIDES if protocol != "gemini"]
protocols = pytest.mark.parametrize("protocol", BOTH_SIDES)
servers = pytest.mark.parametrize("dialect", sorted(DIALECTS))
every_story = pytest.mark.parametrize(
    ("dialect", "story"),
    [(dialect, story) for dialect in sorted(SHAPES) for story in SHAPES[dialect]],
)


def refused(protocol: str, conversation: Conversation) -> set[str]:
    """What a protocol has no words for."""
    if protocol == "chat":
        return set()
    if protocol == "responses":
        named = {"n"} if conversation.n > 1 else set()
        return named | ({"stop"} if conversation.stops else set())
    named = set()
    if conversation.n > 1:
        named.add("n")
    if conversation.logprobs is not None:
        named.add("logprobs")
    if conversation.schema is not None and conversation.schema.schema is None:
        named.add("response_format of type 'json_object'")
    return named


@pytest.mark.parametrize("protocol", KEEPING)
@given(conversation=conversations())
def test_a_request_comes_through_whole_or_is_refused_by_name(
    protocol: str, conversation: Conversation
) -> None:
    cannot = refused(protocol, conversation)
    if cannot:
        with pytest.raises(Unsupported) as caught:
            SERVERS[protocol].write_request(conversation, "m", PLAIN)
        assert caught.value.param in cannot
        return
    written = SERVERS[protocol].write_request(conversation, "m", PLAIN)
    back = CLIENTS[protocol].read_request(orjson.loads(orjson.dumps(written.body)))
    assert normal(back) == normal(without(conversation, written.dropped))


@servers
@given(conversation=conversations())
def test_what_one_protocol_says_every_other_says_too_or_refuses(
    dialect: str, conversation: Conversation
) -> None:
    """Every text, every call and every result stands somewhere in the body."""
    try:
        written = SERVERS[DIALECTS[dialect].protocol].write_request(conversation, "m", PLAIN)
    except Unsupported:
        return
    strings = set(_strings(orjson.loads(orjson.dumps(written.body))))
    whole = "\n".join(strings)
    for turn in conversation.turns:
        for part in turn.parts:
            if isinstance(part, Text):
                assert part.text in whole
            elif isinstance(part, Result):
                assert all(isinstance(one, Text) and one.text in whole for one in part.parts)
            elif isinstance(part, Call):
                assert part.name in strings


def _strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [s for pair in value.items() for inner in pair for s in _strings(inner)]
    if isinstance(value, list):
        return [s for inner in value for s in _strings(inner)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize("protocol", KEEPING)
@given(answer=answers())
def test_a_whole_answer_comes_through(protocol: str, answer: Answer) -> None:
    written = CLIENTS[protocol].write_answer(answer, ASKS[protocol], 1)
    back = SERVERS[protocol].read_answer(orjson.loads(orjson.dumps(written.body)))
    assert answered(back.alternatives[0]) == answered(answer.alternatives[0])
    assert billed(back.usage) == billed(answer.usage)
    assert (back.id, back.model) == (answer.id, answer.model)


def cut(stream: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(at % (len(stream) + 1) for at in cuts), len(stream)]
    return [stream[a:b] for a, b in itertools.pairwise(edges)]


def read(protocol: str, pieces: list[bytes]) -> Answer:
    reader, gathered = SERVERS[protocol].reader(), Gathered()
    for piece in pieces:
        gathered.add(reader.feed(piece))
    gathered.add(reader.finish())
    return gathered.answer()


ASKS = {
    "chat": parse_chat(
        b'{"model":"a","stream":true,"stream_options":{"include_usage":true},'
        b'"messages":[{"role":"user","content":"x"}]}'
    ),
    "messages": parse_message(
        b'{"model":"a","stream":true,"max_tokens":9999,"messages":[{"role":"user","content":"x"}]}'
    ),
    "gemini": parse_content(b'{"contents":[{"parts":[{"text":"x"}]}]}', model="a", stream=True),
    "responses": parse_response(b'{"model":"a","stream":true,"input":"x"}'),
}


@pytest.mark.parametrize("protocol", KEEPING)
@given(data=st.data(), crlf=st.booleans(), cuts=st.lists(st.integers(0, 4000), max_size=8))
def test_a_stream_at_any_chunking_tells_what_the_whole_answer_does(
    protocol: str, data: st.DataObject, crlf: bool, cuts: list[int]
) -> None:
    answer = data.draw(answers())
    told = billed(answer.usage)
    assume(told is None or told.input_tokens)  # no prompt is of nothing: such zeros are fillers
    events = data.draw(streams(answer))
    writer = CLIENTS[protocol].writer(ASKS[protocol], 1)
    stream = writer.write(events[:2]) + writer.write(events[2:])
    if crlf:
        stream = stream.replace(b"\n", b"\r\n")
    back = read(protocol, cut(stream, cuts))
    assert answered(back.alternatives[0]) == answered(answer.alternatives[0])
    assert billed(back.usage) == billed(answer.usage)


@every_story
def test_a_providers_stream_cut_anywhere_tells_what_its_body_does(dialect: str, story: str) -> None:
    protocol = DIALECTS[dialect].protocol
    shape = SHAPES[dialect][story]
    whole = SERVERS[protocol].read_answer(shape.whole)
    assert read(protocol, [shape.stream[i : i + 1] for i in range(len(shape.stream))]) == whole
    for at in range(0, len(shape.stream), 7):
        assert read(protocol, [shape.stream[:at], shape.stream[at:]]) == whole


@every_story
@protocols
def test_every_pair_streams_what_it_answers_whole(dialect: str, story: str, protocol: str) -> None:
    ask, shape = ASKS[protocol], SHAPES[dialect][story]
    _, passage = dialect_of(dialect, ask)
    body = passage.reply(orjson.dumps(shape.whole), ask).body
    stream = passage.stream(ask)
    out = stream.feed(shape.stream) + stream.finish()
    whole = SERVERS[protocol].read_answer(orjson.loads(body))
    streamed = read(protocol, [out])
    assert [answered(one) for one in streamed.alternatives] == [
        answered(one) for one in whole.alternatives
    ]
    assert stream.finished
    assert stream.usage == passage.reply(orjson.dumps(shape.whole), ask).usage


@every_story
@protocols
def test_a_history_that_began_at_one_provider_goes_on_at_every_other(
    dialect: str, story: str, protocol: str
) -> None:
    ask, shape = ASKS[protocol], SHAPES[dialect][story]
    _, passage = dialect_of(dialect, ask)
    body = orjson.loads(passage.reply(orjson.dumps(shape.whole), ask).body)
    history = CLIENTS[protocol].read_request(ask.body | _history(protocol, body))
    seen = SERVERS[DIALECTS[dialect].protocol].read_answer(shape.whole).alternatives[0]
    for name, server in SERVERS.items():
        if name == "replicate":
            continue  # takes one turn
        written = orjson.dumps(server.write_request(history, "m", PLAIN).body).decode()
        for call in seen.calls:
            assert name == "gemini" or call.id in written
            assert orjson.loads(call.arguments)["city"] in written
        assert seen.text in written
        seals = [part.seal for part in seen.parts if getattr(part, "seal", None)]
        for seal in seals:
            assert seal is not None
            # Claude reads what Claude signed, wherever it is hosted.
            own = seal.data.rpartition("/")[2]
            assert (own in written) == (seal.issuer == name.removeprefix("vertex-"))


def _history(protocol: str, body: dict[str, Any]) -> dict[str, Any]:
    """The client says the answer back, with the results of its calls."""
    if protocol == "gemini":
        return {"contents": _contents(body["candidates"][0]["content"])}
    if protocol != "responses":
        return {"messages": _messages(protocol, body)}
    first = {"role": "user", "content": "x"}
    called = [item for item in body["output"] if item["type"] == "function_call"]
    results = [
        {"type": "function_call_output", "call_id": item["call_id"], "output": "3"}
        for item in called
    ]
    return {"input": [first, *body["output"], *(results or [first])]}


def _contents(content: dict[str, Any]) -> list[dict[str, Any]]:
    first = {"role": "user", "parts": [{"text": "x"}]}
    results = [
        {"functionResponse": {"name": call["name"], "response": {"result": "3"}}}
        for part in content["parts"]
        if (call := part.get("functionCall"))
    ]
    return [first, content, {"role": "user", "parts": results or first["parts"]}]


def _messages(protocol: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    first = {"role": "user", "content": "x"}
    if protocol == "chat":
        message = body["choices"][0]["message"]
        calls = message.get("tool_calls") or []
        results = [{"role": "tool", "tool_call_id": c["id"], "content": "3"} for c in calls]
        return [first, message, *(results or [first])]
    used = [block for block in body["content"] if block["type"] == "tool_use"]
    results = [{"type": "tool_result", "tool_use_id": b["id"], "content": "3"} for b in used]
    after = {"role": "user", "content": results} if results else first
    return [first, {"role": "assistant", "content": body["content"]}, after]


@servers
def test_no_event_is_lost_where_a_stream_ends_without_its_last_line(dialect: str) -> None:
    protocol = DIALECTS[dialect].protocol
    stream = SHAPES[dialect]["text"].stream.rstrip()
    reader = SERVERS[protocol].reader()
    events = [*reader.feed(stream), *reader.finish()]
    assert type(events[-1]) is Ended
