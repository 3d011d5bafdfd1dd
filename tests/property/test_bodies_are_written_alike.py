"""What is written beside the event loop is what orjson writes, or is refused alike."""

import threading
from functools import partial
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from router.protocols.ahead import LARGE, THREAD
from router.protocols.beside import beside, joined, json_in_pieces, json_of, may_widen

MANY = settings(suppress_health_check=list(HealthCheck))
TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(["\xff", "ÿ" * 200])
VALUES = st.recursive(
    TEXTS | st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(),
    lambda held: st.lists(held) | st.dictionaries(TEXTS, held) | st.tuples(held, held),
    max_leaves=30,
)


@MANY
@given(value=VALUES, least=st.integers(0, 8))
@example(value={"a": "".join(map(chr, range(0x900))), "b": "漢😀\U0010ffff\x7f"}, least=0)
@example(value=["", {"": ""}, "\ud7ff\ue000\uffff\U00010000"], least=0)
def test_any_document_is_written_as_orjson_writes_it(value: Any, least: int) -> None:
    assert json_in_pieces(value, least) == orjson.dumps(value)


def test_a_large_document_is_written_as_orjson_writes_it() -> None:
    for text in ('a\n\0"\\', "é\x01", "漢\x1f", "😀\b"):
        value = {"messages": [{"content": text * (LARGE // 2)}, text], "n": 1.5}
        assert json_of(value, LARGE + 1) == orjson.dumps(value)


@pytest.mark.parametrize("half", ["\ud83d", "😀\ud83d"])
def test_half_a_character_is_refused_alike(half: str) -> None:
    with pytest.raises(TypeError) as plain:
        orjson.dumps([half])
    with pytest.raises(TypeError) as beside_it:
        json_in_pieces([half], 0)
    assert str(beside_it.value) == str(plain.value)


@MANY
@given(pieces=st.lists(st.binary(max_size=40)))
def test_pieces_are_joined_as_they_are(pieces: list[bytes]) -> None:
    assert joined([*pieces, *map(memoryview, pieces)]) == b"".join(pieces + pieces)


@MANY
@given(
    size=st.integers(0, 1_100), at=st.integers(0, 1_100), sign=st.sampled_from([b"\\u", b"\xff"])
)
@example(size=600, at=255, sign=b"\\u")
@example(size=600, at=598, sign=b"\\u")
def test_what_may_widen_is_seen_wherever_it_stands(size: int, at: int, sign: bytes) -> None:
    body = (b"\\" * at + sign)[:size]
    assert may_widen(body) == (not body.isascii() or b"\\u" in body)
    assert not may_widen(b"u" + b"\\" * size)


async def test_what_is_made_beside_the_loop_is_made_in_the_thread_that_reads() -> None:
    [reading] = {THREAD.submit(threading.get_ident).result()}
    assert await beside(threading.get_ident) == reading
    with pytest.raises(ValueError, match="invalid literal"):
        await beside(partial(int, "x"))
