"""A form with a file, read as it comes: alike at every chunking, refused as a whole one is."""

import pytest

from router.errors import BadRequest
from router.protocols.multipart_stream import FormReader

TYPE = "multipart/form-data; boundary=b0"
FILE = b'--b0\r\nContent-Disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\n'
PURPOSE = b'--b0\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
CONTENT = b"one\r\n--b\r\ntwo--b1\r\n-"
WHOLE = PURPOSE + FILE + CONTENT + b"\r\n--b0--\r\n"


def read(data: bytes, size: int = 7, content_type: str = TYPE) -> tuple[FormReader, bytes]:
    pieces: list[bytes] = []
    reader = FormReader(content_type, pieces.append)
    for first in range(0, len(data), size):
        reader.feed(data[first : first + size])
    reader.finish()
    return reader, b"".join(pieces)


@pytest.mark.parametrize("size", range(1, len(WHOLE) + 1))
def test_a_form_is_read_alike_at_every_chunking(size):
    reader, content = read(WHOLE, size)
    assert content == CONTENT
    assert reader.texts == {"purpose": "batch"}
    assert reader.file is not None
    assert (reader.file.field, reader.file.head + b"\r\n\r\n") == ("file", FILE[6:])


def test_a_file_is_handed_on_before_its_form_is_whole():
    pieces: list[bytes] = []
    reader = FormReader(TYPE, pieces.append)
    reader.feed(FILE + b"x" * 1_000)
    assert len(b"".join(pieces)) > 900


def test_fields_may_follow_the_file():
    reader, content = read(FILE + CONTENT + b"\r\n" + PURPOSE + b"--b0--")
    assert (content, reader.texts) == (CONTENT, {"purpose": "batch"})


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b"x" + WHOLE,
        WHOLE[:-10],
        WHOLE + b"more",
        PURPOSE + PURPOSE + b"--b0--",
        FILE + b"x\r\n" + FILE + b"y\r\n--b0--",
        b"--b0\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b0--",
        b"--b0\r\n" + b"x" * 5_000,
        PURPOSE.replace(b"batch", b"x" * 70_000) + b"--b0--",
        PURPOSE.replace(b"batch", b"\xff") + b"--b0--",
        FILE + b"one\r\n--b0 \r\ntwo\r\n--b0--",
    ],
)
def test_what_is_no_such_form_is_refused(wrong):
    with pytest.raises(BadRequest):
        read(wrong)


def test_another_content_type_is_refused():
    with pytest.raises(BadRequest):
        read(WHOLE, content_type="application/json")
