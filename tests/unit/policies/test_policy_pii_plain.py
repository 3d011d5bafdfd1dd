"""Text made plain for the detectors, and what is proven to be none."""

import base64
import random
import unicodedata

import pytest

from bench.instructions import counted
from policies.pii.media import SHORTEST, is_text, without_media
from policies.pii.plain import plain

BYTES = random.Random(3).randbytes(9_000)
CODED = base64.b64encode(BYTES)
MEANT = {"Nd": None, "Zs": " ", "Pd": "-"}


def test_every_digit_space_and_dash_of_a_living_script_is_read_as_the_plain_one():
    for code in range(0x80, 0x10000):
        char = chr(code)
        kind = unicodedata.category(char)
        if kind in MEANT:
            meant = MEANT[kind] or str(unicodedata.decimal(char))
            assert plain(char.encode()).decode() == meant, hex(code)
        elif kind == "Cf":
            assert plain(char.encode()) == b"", hex(code)


def test_what_looks_like_a_digit_or_a_letter_of_an_address_is_read_as_one():
    for char in "0123456789abcXYZ@.-+_%/()":
        assert plain(chr(ord(char) + 0xFEE0).encode()) == char.encode()
    assert plain("𝟘𝟙𝟡🯰jane＠example。com".encode()) == b"0190jane@example.com"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        (rb"jane\u0040example.com", b"jane@example.com"),
        (rb"{\"to\":\"jane\\u0040example.com\"}", b'{"to":"jane@example.com"}'),
        (rb"one\n4111", b"one\n4111"),
        (rb"030\/1234", b"030/1234"),
        ("Grüße — 你好".encode(), "Grüße - 你好".encode()),
        (b"as it is", b"as it is"),
        (rb"C:\users\u12", None),
        (rb"\ud83d\ude00\ud83d", None),
        (b"\xff\xfe\\u00e4", None),
    ],
)
def test_escapes_are_undone_and_what_is_malformed_harms_nothing(text, meant):
    assert isinstance(plain(text), bytes)
    assert meant is None or plain(text) == meant


@pytest.mark.parametrize(
    "unit", ["\\u0041", "\\uzz", "\\\\", "\u2014", "１", "e\u0301\u0323", "\\n"]
)
def test_it_takes_time_in_proportion_to_the_text(unit):
    cost = [counted(lambda n=n: plain((unit * n).encode())) for n in (4_000, 8_000)]
    assert cost[1] < 2.2 * cost[0] + 100


def left(raw: bytes) -> bytes:
    return b"|".join(without_media(raw))


def test_only_what_is_proven_to_be_no_text_is_left_out():
    assert left(b'{"data":"' + CODED + b'","text":"hi"}') == b'{"data":"|","text":"hi"}'
    escaped = CODED.replace(b"/", b"\\/")
    assert left(b'"' + escaped + b'"') == b'"|"'
    url_safe = base64.urlsafe_b64encode(BYTES)
    assert left(url_safe) == b"|"
    letter = b"Dear Jane, " * 200
    assert letter in left(b'"' + base64.b64encode(letter) + b'"')
    for read in (
        b"4111111111111111-" * 200,  # of the same characters, and no coded bytes
        b"data:image/png;base64," + CODED[: SHORTEST - 1],
        b"a-long-name_" * 200,
        (b"4111 1111 1111 1111 " * 200),
    ):
        assert left(b'"' + read + b'"') == b'"' + read + b'"'


def test_a_file_is_text_where_it_is_utf_8_and_holds_no_zero():
    assert is_text("Grüße".encode())
    assert not is_text(BYTES)
    assert not is_text(b"a\0b")
