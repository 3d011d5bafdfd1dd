"""A body that is read ahead is what orjson reads, member by member, or is refused in its words."""

from typing import Any

import orjson
from ahead_of_bodies import LEAST, ahead, at_once
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from json_documents import DOCUMENTS

from router.api.filling import Filling, FillingInPython
from router.ledger.text_weights import WEIGHTS, weigh
from router.protocols.ahead import _weight_of, utf8_size

MANY = settings(suppress_health_check=list(HealthCheck))
# Of texts as they stand in a body: characters of every width, escapes, halves, and what is wrong.
PIECES = [
    *(b"a", b" ", b"plain text of twenty", "é".encode(), "漢字".encode(), "😀".encode(), b"\x7f"),
    *(rb"\n", rb"\"", rb"\\", rb"\/", rb"\u0041", rb"\u00e9", rb"\ud83d\ude00", rb"\uFFFD"),
    *(rb"\ud83d", rb"\ude00", rb"\uD83D\u0041", rb"\q", rb"\u12", rb"\u12zz", b"\\", b'"'),
    *(b"\x01", b"\n", b"\0", b"\xff", b"\xc3", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"),
]
TEXTS = st.lists(st.sampled_from(PIECES[:15]) | st.sampled_from(PIECES), max_size=12).map(b"".join)
FRAMES = [
    b'{"a":"%b","b":["%b",{"c":"%b"}]}',
    b'{"%b":"x","b":[[],"","%b"],\n "c" : "%b" }',
    b'{"model":"%b","messages":[{"role":"user","content":"%b"}],"x":"%b","x":1}',
    b'["%b","%b","%b"]',
    b'{"a":"%b"\n,"b":"%b" x "%b"}',
    b'{"a":"%b","b":"%b","c":"%b',
]


@MANY
@given(document=DOCUMENTS)
def test_any_document_is_the_same_read_ahead(document: Any) -> None:
    assert ahead(document[0]) == at_once(document[0])


@MANY
@given(frame=st.sampled_from(FRAMES), texts=st.tuples(TEXTS, TEXTS, TEXTS))
@example(frame=FRAMES[0], texts=(b"twenty plain letters", rb"\ud83d twenty letters", b""))
@example(frame=FRAMES[0], texts=(b"twenty plain letters\0", rb"\ud83d twenty letters", b""))
@example(frame=FRAMES[5], texts=(b"", b"", rb"twenty plain letters \u00"))
def test_any_text_is_the_same_read_ahead_or_is_refused_alike(
    frame: bytes, texts: tuple[bytes, bytes, bytes]
) -> None:
    raw = frame % texts
    assert ahead(raw) == at_once(raw)


@MANY
@given(raw=st.lists(st.sampled_from(PIECES), max_size=40).map(b"".join) | st.binary(max_size=80))
def test_any_bytes_are_refused_alike(raw: bytes) -> None:
    assert ahead(raw) == at_once(raw)


def test_texts_of_every_length_around_the_least_are_the_same() -> None:
    for letter in ("a", "é", "漢", "😀"):
        for count in range(2 * LEAST):
            raw = orjson.dumps({"a": letter * count, "b": [letter * count, "x"]})
            assert ahead(raw) == at_once(raw)


@MANY
@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_the_size_of_a_text_is_that_of_its_utf8(text: str) -> None:
    assert utf8_size(text) == len(text.encode())


def test_a_long_text_weighs_in_pieces_what_it_weighs_at_once() -> None:
    text = "Ein Wort, 12345 Ziffern, 漢字, 😀\n" * 40_000
    assert _weight_of(text, lambda piece: weigh(piece, WEIGHTS)) == weigh(text.encode(), WEIGHTS)


@MANY
@given(pieces=st.lists(st.binary(max_size=40)), room=st.integers(-1, 100))
def test_what_came_in_pieces_is_what_came(pieces: list[bytes], room: int) -> None:
    for filling in (Filling(room), FillingInPython(room)):
        for number, piece in enumerate(pieces):
            filling.add(piece)
            assert len(filling) == sum(map(len, pieces[: number + 1]))
        assert filling.take() == b"".join(pieces)
