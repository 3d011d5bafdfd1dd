"""The heads of answers: whole, and split by nothing that a header holds."""

import pytest

from router.api.head import CHUNKED, CLOSE, STREAM, WHOLE, head

ALWAYS = [(b"date", b"now")]


def test_a_head_is_its_status_what_is_always_said_its_headers_and_its_framing() -> None:
    made = head(WHOLE[200], ALWAYS, [("x-a", "1"), ("x-b", "é")], b"content-length: 2\r\n")
    assert made == (
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncache-control: no-store\r\n"
        b"date: now\r\nx-a: 1\r\nx-b: \xe9\r\ncontent-length: 2\r\n\r\n"
    )


def test_a_stream_says_what_it_is() -> None:
    made = head(STREAM, [], [], CHUNKED + CLOSE)
    assert b"content-type: text/event-stream; charset=utf-8\r\n" in made
    assert made.endswith(b"transfer-encoding: chunked\r\nconnection: close\r\n\r\n")


def test_what_is_always_said_follows_its_list() -> None:
    assert b"date: now" in head(STREAM, ALWAYS, [], b"")
    assert b"date: later" in head(STREAM, [(b"date", b"later")], [], b"")


@pytest.mark.parametrize("value", ["a\r\nset-cookie: b", "a\nb", "a\rb", "a\0b"])
@pytest.mark.parametrize("as_name", [False, True])
def test_a_header_that_would_split_the_answer_is_refused(value: str, as_name: bool) -> None:
    pair = (value, "x") if as_name else ("x", value)
    with pytest.raises(ValueError, match="line break"):
        head(WHOLE[200], ALWAYS, [("x-a", "1"), pair], b"")


def test_a_header_beyond_latin_1_is_refused() -> None:
    with pytest.raises(ValueError, match="latin-1"):
        head(WHOLE[200], ALWAYS, [("x", "日本")], b"")
