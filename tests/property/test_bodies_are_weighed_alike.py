"""C and Python weigh a body alike: whatever bytes it is, and as if it stood elsewhere in memory."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from json_documents import DOCUMENTS

from router.protocols.burden import burden, burden_in_python

MANY = settings(suppress_health_check=list(HealthCheck))
WHOLE = 10**9
PIECES = [
    b'"',
    b"\\",
    b":",
    b",",
    b"{",
    b"}",
    b"[",
    b"]",
    b" ",
    b"\n",
    b"1",
    b"null",
    b"\xff",
    b"\0",
]
ANY_PIECES = st.lists(st.sampled_from(PIECES), max_size=40).map(b"".join)


@MANY
@given(document=DOCUMENTS)
def test_documents_weigh_the_same_in_c_and_in_python(document: Any) -> None:
    assert burden(document[0], WHOLE) == burden_in_python(document[0], WHOLE)


@MANY
@given(raw=ANY_PIECES | st.binary(max_size=60))
def test_any_bytes_weigh_the_same_in_c_and_in_python(raw: bytes) -> None:
    assert burden(raw, WHOLE) == burden_in_python(raw, WHOLE)


@MANY
@given(raw=ANY_PIECES, most=st.integers(0, 2_000))
def test_both_say_the_same_of_what_is_too_much(raw: bytes, most: int) -> None:
    assert (burden(raw, most) > most) == (burden_in_python(raw, most) > most)
