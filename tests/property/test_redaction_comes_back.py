"""Redacted, said back by a model in pieces of any size, and restored: what its client wrote."""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from policies.pii.budget import Budget
from policies.pii.placeholders import Placeholders
from policies.pii.spans import ShapeFinder
from router.protocols.redacting import Redactor
from router.protocols.restoring import StreamRestorer, restored_body

PRIVATE = (
    *("jane.doe@example.com", "bob@example.org", "jané@bücher.example", "+49 30 1234 5678"),
    *("4111 1111 1111 1111", "４１１１ １１１１ １１１１ １１１１", "DE89 3704 0044 0532 0130 00"),
    *("536-90-4399", "sk-abcdefghijklmnopqrstuvwxyz0123", "jane.doe\\u0040example.com"),
    '-----BEGIN PRIVATE KEY-----\nMIIB"\\x\nQQ==\n-----END PRIVATE KEY-----',
)
PIECES = (
    *PRIVATE,
    *(" ", "\n", "<", ">", "<EMAIL_1>", "<EMAIL_", "_1>", "\\", "\\u003c", '"', "{", "}", "é"),
    *("password: hunter2hunter2", "Hello", "`code`", "data: x\n\n", "<CARD_2>", "😀"),
    "\\u003cEMAIL_2\\u003e",
)
texts = st.lists(st.sampled_from(PIECES), max_size=10).map(" ".join) | st.text(max_size=20)
cuts = st.lists(st.integers(1, 12), min_size=1, max_size=6)


def redacted(text: str) -> tuple[str, Placeholders]:
    placeholders = Placeholders()
    looks = Redactor([ShapeFinder(Budget())], bool)
    raw = looks.redacted(orjson.dumps([{"t": text}]), placeholders)
    return orjson.loads(raw)[0]["t"], placeholders


def pieces_of(text: str, sizes: Sequence[int]) -> Iterator[str]:
    at = turn = 0
    while at < len(text):
        size = sizes[turn % len(sizes)]
        yield text[at : at + size]
        at, turn = at + size, turn + 1


def event(document: dict[str, Any], *, escaped: bool) -> bytes:
    data = json.dumps(document, ensure_ascii=escaped)
    if escaped:  # as the encoders of some languages have it
        data = data.replace("<", "\\u003c").replace(">", "\\u003e")
    kind = document.get("type")
    head = f"event: {kind}\n" if kind else ""
    return f"{head}data: {data}\n\n".encode()


def chat(delta: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": None} | more]}


def chat_stream(said: list[str], called: list[str]) -> list[dict[str, Any]]:
    def call(piece: str) -> dict[str, Any]:
        return chat({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]})

    spoken = [chat({"reasoning_content": piece}) for piece in said]
    spoken += [chat({"content": piece}) for piece in said]
    end = [chat({}, finish_reason="tool_calls"), {"choices": [], "usage": {"prompt_tokens": 1}}]
    return [*spoken, *map(call, called), *end]


def of_chat(events: list[dict[str, Any]]) -> tuple[str, str, str]:
    thought = text = arguments = ""
    for one in events:
        for choice in one["choices"]:
            delta = choice["delta"]
            thought += delta.get("reasoning_content", "")
            text += delta.get("content", "")
            for call in delta.get("tool_calls", ()):
                arguments += call["function"]["arguments"]
    return thought, text, arguments


def messages_stream(said: list[str], called: list[str]) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = [{"type": "message_start", "message": {"content": []}}]
    for index, (kind, name, pieces) in enumerate(
        (
            ("thinking_delta", "thinking", said),
            ("text_delta", "text", said),
            ("input_json_delta", "partial_json", called),
        )
    ):
        events.append({"type": "content_block_start", "index": index, "content_block": {}})
        for piece in pieces:
            delta = {"type": kind, name: piece}
            events.append({"type": "content_block_delta", "index": index, "delta": delta})
            events.append({"type": "ping"})
        events.append({"type": "content_block_stop", "index": index})
    return [*events, {"type": "message_stop"}]


def of_messages(events: list[dict[str, Any]]) -> tuple[str, str, str]:
    deltas = [one["delta"] for one in events if one["type"] == "content_block_delta"]
    names = ("thinking", "text", "partial_json")
    thought, text, arguments = ("".join(d.get(name, "") for d in deltas) for name in names)
    return thought, text, arguments


KINDS = ("reasoning_text", "output_text", "function_call_arguments")


def responses_stream(said: list[str], called: list[str]) -> list[dict[str, Any]]:
    events = []
    for index, (kind, pieces) in enumerate(zip(KINDS, (said, said, called), strict=True)):
        place = {"output_index": index, "item_id": str(index), "content_index": 0}
        whole = "arguments" if "arguments" in kind else "text"
        events += [{"type": f"response.{kind}.delta", "delta": one, **place} for one in pieces]
        events.append({"type": f"response.{kind}.done", whole: "".join(pieces), **place})
    return [dict(one, sequence_number=number) for number, one in enumerate(events)]


def of_responses(events: list[dict[str, Any]]) -> tuple[str, str, str]:
    assert [one["sequence_number"] for one in events] == list(range(len(events)))
    said = []
    for kind in KINDS:
        deltas = [one["delta"] for one in events if one["type"] == f"response.{kind}.delta"]
        (done,) = [one for one in events if one["type"] == f"response.{kind}.done"]
        text = "".join(deltas)
        assert done.get("arguments", done.get("text")) == text
        said.append(text)
    thought, text, arguments = said
    return thought, text, arguments


DIALECTS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "chat": (chat_stream, of_chat),
    "messages": (messages_stream, of_messages),
    "responses": (responses_stream, of_responses),
}


def documents(stream: bytes) -> list[dict[str, Any]]:
    lines = [line for line in stream.split(b"\n") if line.startswith(b"data: {")]
    return [orjson.loads(line[6:]) for line in lines]


@given(texts, st.sampled_from(sorted(DIALECTS)), cuts, cuts, st.booleans())
def test_a_stream_that_says_a_redacted_text_again_comes_back_as_its_client_wrote_it(
    text, dialect, sizes, blocks, escaped
):
    told, placeholders = redacted(text)
    write, read = DIALECTS[dialect]
    arguments = json.dumps({"to": told}, ensure_ascii=False)
    sent = write(list(pieces_of(told, sizes)), list(pieces_of(arguments, sizes)))
    raw = b"".join(event(one, escaped=escaped) for one in sent) + b"data: [DONE]\n\n"
    restorer = StreamRestorer(dialect, placeholders, structured=False)
    parts, at, turn = [], 0, 0
    while at < len(raw):
        size = 9 * blocks[turn % len(blocks)]
        parts.append(restorer.feed(raw[at : at + size]))
        at, turn = at + size, turn + 1
    stream = b"".join((*parts, restorer.finish()))
    came = documents(stream)
    assert stream.endswith(b"data: [DONE]\n\n")
    assert [one.get("type") for one in came] == [one.get("type") for one in sent]
    thought, spoken, called = read(came)
    assert (thought, spoken, orjson.loads(called)["to"]) == (text, text, text)


@given(texts, st.booleans())
def test_a_whole_answer_that_says_it_again_comes_back_too(text, escaped):
    told, placeholders = redacted(text)
    arguments = json.dumps({"to": told, told: [told]})
    held = {"content": told, "input": {told: told}, "arguments": arguments}
    body = json.dumps(held)[:-1] + ', "n": 1.50}'
    if escaped:
        body = body.replace("<", "\\u003c").replace(">", "\\u003e")
    came = restored_body(body.encode(), placeholders)
    document = orjson.loads(came)
    assert (document["content"], document["input"]) == (text, {text: text})
    assert orjson.loads(document["arguments"]) == {"to": text, text: [text]}
    assert b'"n": 1.50' in came
    if not len(placeholders):
        assert came == body.encode()


@given(st.lists(texts, max_size=4))
def test_of_a_body_nothing_changes_but_what_was_found_and_what_follows_keeps_what_came_before(said):
    """A conversation that goes on has the same beginning, so that a provider's cache knows it."""
    looks = Redactor([ShapeFinder(Budget())], bool)
    body = json.dumps([{"content": text} for text in said], ensure_ascii=False).encode()
    longer = body[:-1] + (b", " if said else b"") + b'{"content": "mail new@example.net"}]'
    first, second = Placeholders(), Placeholders()
    sent, sent_again = looks.redacted(body, first), looks.redacted(longer, second)
    assert sent_again.startswith(sent[:-1])
    if not len(first):
        assert sent == body
    for value in PRIVATE[:2]:
        assert value.encode() not in sent
