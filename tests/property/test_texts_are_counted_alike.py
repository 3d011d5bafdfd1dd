"""However the events of a stream come together, the same is counted and the same is relayed."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.operations.chat import parse_chat
from router.protocols.chat.passing_stream import ChatStream
from router.protocols.passage import ErrorInside

ASKED = parse_chat(
    json.dumps(
        {"model": "m", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    ).encode()
)
WORDS = st.sampled_from(
    ["a", " word", "", '"', "\\", "\n", "\\n", "[DONE]", "error", "data: ", "é", "x" * 40]
)
TEXTS = st.lists(st.lists(WORDS, max_size=3).map("".join), max_size=12)
# What a server says beside the text: the same each time, or an id for each event.
MORE = st.sampled_from([{}, {"usage": None}, {"obfuscation": "x"}, {"each": True}])


def event(text: str, number: int, more: dict[str, object], finish: str | None = None) -> bytes:
    output = {"n": number} if "each" in more else more
    chunk = {
        "model": "m",
        "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}],
        **output,
    }
    return b"data: " + json.dumps(chunk, separators=(",", ":")).encode() + b"\n\n"


def tokens(text: str) -> int:
    size = len(json.dumps(text)) - 2
    return min(size, 1) if size <= 16 else -(-size // 4)


def shown(events: list[bytes]) -> bytes:
    return b"".join(events).replace(b',"usage":null', b"")


@given(texts=TEXTS, more=MORE, cuts=st.lists(st.integers(0, 4000), max_size=8))
def test_any_chunking_counts_the_same_tokens(
    texts: list[str], more: dict[str, object], cuts: list[int]
) -> None:
    events = [event(text, number, more) for number, text in enumerate(texts)]
    events += [event("", 99, more, "stop"), b"data: [DONE]\n\n"]
    stream = b"".join(events)
    edges = [0, *sorted(cut % len(stream) for cut in cuts), len(stream)]
    translator = ChatStream(ASKED)
    out = b"".join(translator.feed(stream[start:end]) for start, end in pairwise(edges))
    assert out == shown(events)
    assert translator.finished
    assert translator.output_tokens_seen == sum(map(tokens, texts))


@pytest.mark.parametrize("at", [0, 1, 7])
def test_an_error_among_texts_is_found(at: int) -> None:
    events = [event(f" word{number}", number, {}) for number in range(8)]
    events.insert(at, b'data: {"error":{"message":"broken"}}\n\n')
    translator = ChatStream(ASKED)
    with pytest.raises(ErrorInside, match="broken"):
        translator.feed(b"".join(events))
