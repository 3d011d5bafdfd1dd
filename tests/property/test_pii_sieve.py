"""What the detectors pass over quickly they would not have found slowly either."""

import re

from hypothesis import given
from hypothesis import strategies as st

from policies.pii import pii

LETTERS_THEN_DIGITS = re.compile(r"[A-Z]{2} ?[0-9]{2}")
DIGITS_THEN_LETTER = re.compile(r"[0-9]{8}-?[A-Z]")
WORDS = ("password", "passwd", "secret", "api_key", "apikey", "api-key", "token")
PIECES = (
    *"@ .-_:=/+()'\"\n",
    *"0123456789AKSGJzé١",
    *WORDS,
    *(prefix for prefix, _ in pii._SECRETS),
    "TOKEN",
    "toKen: ",
    "jane@example.com",
    "hunter2hunter2",
    "Abcdefgh12345678",
    "ABCDEFGH12345678",
    "a1B2c3D4e5F6g7H8i9J0k1L2",
    "BEGIN PRIVATE KEY-----",
    "DE89 3704 0044 0532 0130 00",
    "DE89370400440532013000",
    "AB 12 34 56 C",
    "12345678Z",
    "536-90-4399",
    "4111 1111 1111 1111",
    "+49 30 1234 5678",
)
texts = st.lists(st.sampled_from(PIECES), max_size=14).map("".join) | st.text(max_size=40)


def slowly(text):
    """Every detector on all of the text, without looking first whether it can find anything."""
    result = set()
    if pii._EMAIL.search(text):
        result.add("email")
    if any(pattern.search(text) for _, pattern in pii._SECRETS) or named(text.lower()):
        result.add("secret")
    result.update(pii._judged(text, pii._digit_runs(text), pii._NUMBERS))
    result.update(pii._judged(text, iter(lettered(text)), pii._LETTERED))
    return result


def named(lowered):
    for word in WORDS:
        for place in re.finditer(word, lowered):
            value = pii._VALUE.match(lowered, place.end())
            if value and re.search("[0-9]", value[1]) and re.search("[a-z]", value[1]):
                return True
    return False


def lettered(text):
    spans, reached = [], 0
    for match in LETTERS_THEN_DIGITS.finditer(text):
        if match.start() >= reached:
            reached = match.start() + 12
            spans.append((match.start() - 10, match.start() + 60))
    return spans + [(m.start() - 1, m.end() + 1) for m in DIGITS_THEN_LETTER.finditer(text)]


@given(texts)
def test_a_quick_look_finds_what_a_thorough_one_finds(text):
    assert pii.kinds([text]) == slowly(text)
    assert list(pii._lettered(text)) == lettered(text)
    assert pii._begins_key(text) == any(prefix in text for prefix, _ in pii._SECRETS)


@given(st.lists(texts, max_size=3))
def test_texts_together_hold_what_one_of_them_holds(several):
    private = any(slowly(text) for text in several)
    assert pii.contains_pii(several) == private
    assert pii.may_contain_pii(several) or not private
