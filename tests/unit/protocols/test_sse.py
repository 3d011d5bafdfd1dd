"""Events come out whole, however the bytes were cut."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamed import name_of

from router.errors import UpstreamFailed
from router.protocols.envelope import error_event
from router.protocols.sse import EventTooLarge, Splitter, data_of, encode, events

LINES = ("\n", "\r\n", "\r")


def split(stream: bytes, cuts: list[int], cap: int = 1 << 20) -> list[bytes]:
    splitter = Splitter(cap)
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    blocks = [splitter.feed(stream[a:b]) for a, b in itertools.pairwise(edges)]
    return [event for block in blocks for event in events(block)]


@given(
    payloads=st.lists(st.text(alphabet='é{"a:}', min_size=1), min_size=1, max_size=6),
    end=st.sampled_from(LINES),
    cuts=st.lists(st.integers(0, 400), max_size=12),
)
def test_any_chunking_and_any_line_end_give_the_same_events(
    payloads: list[str], end: str, cuts: list[int]
) -> None:
    stream = "".join(f"data: {text}{end}{end}" for text in payloads).encode()
    assert [data_of(event) for event in split(stream, cuts)] == [p.encode() for p in payloads]


def test_an_untouched_block_is_the_bytes_that_came() -> None:
    splitter = Splitter()
    assert splitter.feed(b"data: a\n\ndata: b\n\nda") == b"data: a\n\ndata: b\n\n"
    assert splitter.pending == b"da"


def test_an_event_over_the_cap_is_refused() -> None:
    splitter = Splitter(cap=100)
    splitter.feed(b"data: " + b"x" * 90)
    with pytest.raises(EventTooLarge):
        splitter.feed(b"xxxxx")


def test_a_long_stream_of_small_events_is_not_over_the_cap() -> None:
    splitter = Splitter(cap=100)
    assert len(splitter.feed(b"data: x\n\n" * 1000)) == 9000


def test_data_without_a_space_and_over_several_lines_is_read() -> None:
    assert data_of(b"event: x\ndata:one\ndata: two\n\n") == b"one\ntwo"
    assert name_of(b"event: x\ndata:one\n\n") == b"x"


def test_a_keep_alive_comment_has_no_data() -> None:
    assert data_of(b": keep-alive\n\n") is None


def test_what_is_encoded_is_read_back() -> None:
    event = encode(b'{"a":1}', b"ping")
    assert (data_of(event), name_of(event)) == (b'{"a":1}', b"ping")


def test_an_error_event_is_one_event() -> None:
    assert len(events(error_event(UpstreamFailed("It\n\nbroke.")))) == 1
