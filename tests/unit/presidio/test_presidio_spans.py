"""What is found in a piece is told of the text that it stands in, wherever that was put."""

from hypothesis import given
from hypothesis import strategies as st

from policies.pii.found import Found
from router.presidio.sentences import PIECE
from router.presidio.spans import KnownSpans, packed

TEXTS = st.lists(st.text("Ab \n", max_size=12).map(lambda text: text * 400), max_size=6)


@given(TEXTS)
def test_every_character_of_every_text_stands_in_a_piece_and_no_piece_is_too_long(texts) -> None:
    pieces, parts = packed(texts)
    assert all(0 < len(piece) <= PIECE for piece in pieces)
    shown: dict[str, set[int]] = {}
    for piece, at, text, start, length in parts:
        assert pieces[piece][at : at + length] == text[start : start + length]
        shown.setdefault(text, set()).update(range(start, start + length))
    for text in texts:
        if any(char in text for char in "A \n"):
            assert shown[text] == set(range(len(text)))


def test_a_find_over_two_texts_is_told_of_both_and_one_in_an_overlap_once() -> None:
    pieces, parts = packed(["Jane", "Doe"])
    assert pieces == ["Jane\nDoe"]
    finder = KnownSpans(parts, [[Found(0, 8, "person")]])
    assert (finder.find("Jane"), finder.find("Doe")) == (
        [(0, 4, "person")],
        [(0, 3, "person")],
    )
    long = "X" * PIECE + "Y"
    pieces, parts = packed([long])
    assert len(pieces) == 2
    twice = [[Found(PIECE - 100, PIECE - 90, "person")], [Found(100, 110, "person")]]
    assert KnownSpans(parts, twice).find(long) == [(PIECE - 100, PIECE - 90, "person")]
