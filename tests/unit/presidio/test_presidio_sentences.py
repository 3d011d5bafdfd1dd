"""What a reader of language is shown of a request: all that is language, and nothing twice."""

import base64
import random

import orjson
import pytest

from router.presidio.sentences import (
    OVERLAP,
    PIECE,
    TooMuch,
    cut,
    may_hold_names,
    pieces,
    pieces_of,
    sentences,
)

NAME = "Jane Doe of Berlin"
BYTES = random.Random(1).randbytes(3_000)
PICTURE = base64.b64encode(b"\x89PNG" + BYTES).decode()


@pytest.mark.parametrize(
    "value",
    [
        {"messages": [{"role": "user", "content": NAME}]},
        {"metadata": {NAME: 1}},
        {"tools": [{"function": {"name": "f", "arguments": orjson.dumps({"to": NAME}).decode()}}]},
        [[[NAME]]],
        NAME,
        {"picture": f"data:image/png;base64,{PICTURE}", "of": NAME},
        {"coded": base64.b64encode((NAME + ". " + "So it was. " * 200).encode()).decode()},
    ],
    ids=["message", "key", "JSON in a string", "lists", "text", "beside media", "text in base64"],
)
def test_a_name_is_shown_wherever_it_stands_in_json(value) -> None:
    shown = "\n".join(sentences([orjson.dumps(value)]))
    assert NAME in shown
    assert '"' not in shown
    assert PICTURE[:80] not in shown


def test_escapes_are_shown_as_what_they_stand_for() -> None:
    assert list(sentences([b'{"a": "J\\u00e4ne\\nDoe"}'])) == ["Jäne\nDoe"]


def test_lines_of_json_are_read_as_such_and_other_text_as_it_stands() -> None:
    lines = b'{"a": "Jane Doe"}\n{"b": "of Berlin"}\nbroken Line'
    assert list(sentences([lines])) == ["Jane Doe", "of Berlin", "broken Line"]
    assert list(sentences([b"Jane Doe\n{}"])) == ["Jane Doe\n{}"]
    assert list(sentences([b"\xff Jane"])) == ["\ufffd Jane"]


def test_words_of_protocols_are_not_language_and_everything_with_a_capital_or_a_space_is() -> None:
    for word in ("user", "gpt-4o", "call_81", "image/png", "https://example.com/a.b", ""):
        assert not may_hold_names(word)
    for text in ("Jane", "jane doe", "müller", "日本"):
        assert may_hold_names(text)


def test_short_texts_go_together_and_long_ones_are_cut_with_an_overlap() -> None:
    together = list(pieces(["Hm."] * 1_000))
    assert len(together) == 2
    assert all(len(piece) <= PIECE for piece in together)
    text = "".join(chr(0x100 + at % 5_000) for at in range(3 * PIECE))
    parts = list(cut(text))
    assert all(text[start : start + len(part)] == part for start, part in parts)
    for at in range(0, len(text) - OVERLAP, 97):
        assert any(text[at : at + OVERLAP] in part for _, part in parts)
    assert [part for _, part in cut("x" * PIECE)] == ["x" * PIECE]


def test_more_than_the_budget_and_more_values_than_anybody_writes_are_too_much() -> None:
    assert pieces_of([b'["Jane Doe"]'], 8) == ["Jane Doe"]
    with pytest.raises(TooMuch):
        pieces_of([b'["Jane Doe!"]'], 8)
    with pytest.raises(TooMuch):
        pieces_of([b"[" + b"[]," * 200_000 + b"[]]"], 8)


def test_what_is_deep_is_read_to_its_ground_but_json_in_strings_four_levels_down_as_text() -> None:
    assert list(sentences([b"[" * 900 + b'"Jane"' + b"]" * 900])) == ["Jane"]
    value = "Jane"
    for _ in range(5):
        value = orjson.dumps([value]).decode()
    (shown,) = sentences([value.encode()])
    assert "Jane" in shown
