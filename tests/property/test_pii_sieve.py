"""What the quick pattern passes over none of the others would have found; pieces hide nothing."""

from hypothesis import given
from hypothesis import strategies as st

from policies.pii import reading
from policies.pii.budget import Budget
from policies.pii.plain import plain
from policies.pii.reading import PIECE, Reading
from policies.pii.shapes import ANY, SHAPES

PIECES = (
    *"@ .-_:=/+()'\"\n\\",
    *"0123456789AKSGJzé١",
    *("password", "passwd", "secret", "api_key", "apikey", "api-key", "token"),
    *("sk-", "sk_live_", "ghp_", "AKIA", "eyJ", "-----BEGIN", "SG.", "hf_"),
    *(
        "TOKEN",
        "toKen: ",
        "jane@example.com",
        "jane@münchen.example",
        "４１１１",
        "\u00a0",
        "\u200b",
    ),
    *("hunter2hunter2", "Abcdefgh12345678", "ABCDEFGH12345678", "a1B2c3D4e5F6g7H8i9J0k1L2"),
    *("BEGIN PRIVATE KEY-----", "DE89 3704 0044 0532 0130 00", "DE89370400440532013000"),
    *("AB 12 34 56 C", "12345678Z", "536-90-4399", "4111 1111 1111 1111", "+49 30 1234 5678"),
)
texts = st.lists(st.sampled_from(PIECES), max_size=14).map("".join) | st.text(max_size=40)


@given(texts)
def test_a_quick_look_finds_where_a_thorough_one_would(text):
    read = plain(text.encode())
    if any(shape.pattern.search(read) for shape in SHAPES):
        assert ANY.search(read)


@given(texts, st.integers(min_value=1, max_value=2 * PIECE))
def test_what_stands_anywhere_in_a_long_text_is_found(text, before):
    short = frozenset(Reading(Budget()).kinds([b" " + text.encode()]))
    long = b" " * before + text.encode() + b" " * reading.OVERLAP
    assert frozenset(Reading(Budget()).kinds([long])) == short


@given(st.binary(max_size=200))
def test_any_bytes_are_made_plain(raw):
    assert plain(raw) == plain(plain(raw)) or b"\\" in raw
