"""The C extension and the Python beside it weigh every text alike."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.ledger.text_weights import TOKEN, WEIGHTS, most_tokens, weigh, weigh_in_python


@given(st.one_of(st.binary(), st.text().map(str.encode)))
def test_c_and_python_weigh_alike(text: bytes) -> None:
    assert weigh(text, WEIGHTS) == weigh_in_python(text, WEIGHTS)


@given(st.text(), st.text())
def test_a_text_weighs_no_less_than_half_of_its_parts_and_no_more_than_two_tokens_a_byte(
    first: str, second: str
) -> None:
    parts = [most_tokens(part.encode()) for part in (first, second)]
    both = (first + second).encode()
    assert most_tokens(both) + 2 >= max(parts)
    assert most_tokens(both) <= 4 * len(both)


@given(st.text(alphabet=st.sampled_from('ab\\\n\x01 z9.é中"')))
def test_no_text_without_runs_of_spaces_weighs_less_than_a_token_for_47_tenths_of_a_byte(
    text: str,
) -> None:
    text = re.sub(" +", " ", text)
    assert most_tokens(text.encode()) * 4.7 + 5 >= len(text.encode())


@given(st.text(alphabet=st.characters(min_codepoint=0x110, exclude_categories=["Cs"])))
def test_every_character_beyond_ascii_weighs_something(text: str) -> None:
    assert most_tokens(text.encode()) * 2 >= len(text)


@pytest.mark.parametrize("given", [("text", WEIGHTS), (b"text", b"short"), (b"text",)])
def test_what_is_no_text_or_no_table_is_refused(given: tuple[object, ...]) -> None:
    if weigh is weigh_in_python:
        return
    with pytest.raises(TypeError):
        weigh(*given)  # type: ignore[arg-type]


def test_a_token_weighs_as_much_as_a_digit() -> None:
    assert WEIGHTS[ord("1") << 8 | ord("2")] == TOKEN
