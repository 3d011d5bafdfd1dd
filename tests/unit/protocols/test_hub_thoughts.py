"""Thoughts that were streamed to a chat client go back to their issuer whole."""

from typing import Any

import orjson
import pytest

from router.protocols.chat.stream_writer import ChatWriter
from router.protocols.hub.conversation import Seal, Text, Thinking
from router.protocols.hub.events import (
    Ended,
    Event,
    PartClosed,
    PartDelta,
    PartNoted,
    PartOpened,
    Started,
)
from router.protocols.hub.table import CLIENTS, SERVERS
from router.protocols.quirks import PLAIN
from router.protocols.sse import data_of, events
from router.protocols.unsupported import Unsupported

HELLO = {"role": "user", "content": "Hello"}
BARE = {"type": "thinking", "signature": "c2ln"}
WHOLE = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}


def thought(part: int, *pieces: str, seal: str) -> list[Event]:
    grown = [PartDelta(0, part, piece) for piece in pieces]
    sealed = PartNoted(0, part, Seal("messages", seal))
    return [PartOpened(0, part, Thinking("")), *grown, sealed, PartClosed(0, part)]


def gathered(stream: list[Event], **more: Any) -> dict[str, Any]:
    """The message as a client holds it that joins texts and appends to lists."""
    writer = ChatWriter(created=1, include_usage=False, **more)
    message: dict[str, Any] = {}
    for event in events(writer.write(stream)):
        raw = data_of(event) or b"[DONE]"
        for choice in [] if raw == b"[DONE]" else orjson.loads(raw)["choices"]:
            for name, value in choice["delta"].items():
                message[name] = message[name] + value if name in message else value
    return message


def given_back(message: dict[str, Any]) -> list[dict[str, Any]]:
    """What Anthropic is told of it in the next turn."""
    asked = CLIENTS["chat"].read_request({"model": "m", "messages": [HELLO, message, HELLO]})
    body = SERVERS["messages"].write_request(asked, "m", PLAIN).body
    content: list[dict[str, Any]] = body["messages"][1]["content"]
    return [block for block in content if "thinking" in block["type"]]


STREAM: list[Event] = [
    Started("m", "served"),
    *thought(0, "H", "m.", seal="c2ln"),
    *thought(1, "So.", seal="Z28="),
    PartOpened(0, 2, Text("Hi.")),
    PartClosed(0, 2),
    Ended(),
]


def test_what_a_client_gathered_of_streamed_thoughts_goes_back_whole() -> None:
    message = gathered(STREAM)
    assert message["reasoning_content"] == "Hm.So."
    assert given_back(message) == [
        WHOLE,
        {"type": "thinking", "thinking": "So.", "signature": "Z28="},
    ]


def test_streamed_blocks_are_numbered_since_openais_clients_gather_by_that() -> None:
    assert [block["index"] for block in gathered(STREAM)["thinking_blocks"]] == [0, 1]


def test_a_thought_too_large_to_keep_goes_back_whole_all_the_same() -> None:
    message = gathered(STREAM[:5] + STREAM[-3:], largest_thoughts=2)
    assert "thinking" not in str(message["thinking_blocks"][0].get("thinking"))
    assert given_back(message) == [WHOLE]


@pytest.mark.parametrize(
    ("thinking", "blocks", "expected"),
    [
        ("Hm.", [BARE], [WHOLE]),
        (None, [{"type": "thinking", "thinking": "Hm."}, BARE], [WHOLE]),
        ("Hm.", [{"type": "thinking", "thinking": "Hm."}, BARE], [WHOLE]),
        ("Hm.", [{"type": "redacted_thinking", "data": "cmVk"}, BARE], None),
        ("Hm.So.", [BARE, WHOLE | {"thinking": "So."}], [WHOLE, WHOLE | {"thinking": "So."}]),
        ("So.Hm.", [WHOLE | {"thinking": "So."}, BARE], [WHOLE | {"thinking": "So."}, WHOLE]),
        # A thought that Anthropic signs and does not show stays as it is.
        (None, [BARE], [WHOLE | {"thinking": ""}]),
        ("Hm.", [WHOLE, BARE], [WHOLE, WHOLE | {"thinking": ""}]),
        # Nobody can tell whose text is which.
        ("Hm.So.", [BARE, BARE], []),
    ],
)
def test_a_signature_finds_its_text_or_is_given_up(
    thinking: str | None, blocks: list[Any], expected: list[Any] | None
) -> None:
    message = {"role": "assistant", "content": "Hi.", "reasoning_content": thinking}
    back = given_back(message | {"thinking_blocks": blocks})
    assert back == ([blocks[0], WHOLE] if expected is None else expected)


@pytest.mark.parametrize("blocks", [None, [BARE]])
def test_a_thought_that_is_no_text_is_refused(blocks: Any) -> None:
    message = {"role": "assistant", "content": "Hi.", "reasoning_content": ["Hm."]}
    with pytest.raises(Unsupported):
        given_back(message | {"thinking_blocks": blocks})
