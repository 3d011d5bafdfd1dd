"""Forms are read as every client library writes them; what can be read in two ways is refused."""

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.errors import BadRequest
from router.protocols.multipart import MAX_PARTS, Form, read_form

TYPE = "multipart/form-data; boundary=XX"


def part(head: str, value: bytes = b"v") -> bytes:
    head = f"Content-Disposition: form-data; {head}"
    return b"--XX\r\n%b\r\n\r\n%b\r\n" % (head.encode(), value)


def read(*parts: bytes, end: bytes = b"--XX--\r\n", kind: str = TYPE) -> Form:
    return read_form(b"".join(parts) + end, kind)


def refusal(*parts: bytes, end: bytes = b"--XX--\r\n", kind: str = TYPE) -> str:
    with pytest.raises(BadRequest) as caught:
        read(*parts, end=end, kind=kind)
    return caught.value.message


def test_a_form_of_a_client_library_is_read_with_the_places_of_its_fields() -> None:
    request = httpx.Request(
        "POST",
        "http://x",
        data={"model": "whisper", "prompt": "Ödön"},
        files={"file": ("a b.wav", b"\r\n--\x00\xff", "audio/wav")},
    )
    raw = request.read()
    form = read_form(raw, request.headers["content-type"])
    assert form.texts == {"model": "whisper", "prompt": "Ödön"}
    _, start, end = form.members["model"]
    assert raw[start:end] == b"whisper"
    (file,) = form.files
    assert (file.field, file.content_type) == ("file", "audio/wav")
    assert raw[file.start : file.end] == b"\r\n--\x00\xff"


@pytest.mark.parametrize(
    "kind",
    [
        "multipart/form-data; boundary=XX",
        'multipart/form-data; boundary="XX"',
        "Multipart/Form-Data;boundary=XX",
        "multipart/form-data; charset=utf-8; boundary=XX",
        "multipart/form-data; boundary=XX; charset=utf-8",
    ],
)
def test_the_boundary_is_read_however_it_is_written(kind: str) -> None:
    form = read(part('name="a"'), kind=kind)
    assert form.texts == {"a": "v"}
    assert form.content_type == 'multipart/form-data; boundary="XX"'


@pytest.mark.parametrize(
    "kind",
    [
        "",
        "application/json",
        "multipart/form-data",
        "multipart/mixed; boundary=XX",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=XX; boundary=YY",
        'multipart/form-data; boundary="X X"',
        "multipart/form-data; boundary=" + "X" * 71,
        "multipart/form-data; boundary=X\u00e9X",
    ],
)
def test_a_content_type_that_is_none_of_a_form_is_refused(kind: str) -> None:
    assert "multipart/form-data" in refusal(part('name="a"'), kind=kind)


def test_an_empty_value_and_a_last_line_without_its_end_are_read() -> None:
    assert read(part('name="a"', b""), end=b"--XX--").texts == {"a": ""}
    assert read(part("name=a; filename*=UTF-8''x")).files[0].field == "a"


def test_lists_may_stand_several_times() -> None:
    assert read(part('name="a[]"'), part('name="a[]"', b"w")).texts == {"a[]": "w"}


@pytest.mark.parametrize(
    "head",
    [
        'name="a"; name="b"',
        'filename="x"',
        'name="a\\"b"',
        'name="a"; filename="x\\"; name="model"',
        'name="a b"',
        'name="a%22"',
        "name*=UTF-8''a",
        'name="a" name="b"',
        'name="a";; name="b"',
        'name="a"\r\nContent-Disposition: form-data; name="b"',
        'name="a"\r\n folded: x',
        'name="a"\r\nContent-Transfer-Encoding: base64',
    ],
)
def test_a_part_whose_name_two_readers_might_take_apart_differently_is_refused(head: str) -> None:
    assert refusal(part(head))


@pytest.mark.parametrize(
    ("parts", "end"),
    [
        ([], b"--XX--"),
        ([b"preamble\r\n", part('name="a"')], b"--XX--"),
        ([part('name="a"')], b"--XX--\r\nepilogue"),
        ([part('name="a"')], b"--XX-"),
        ([part('name="a"')], b""),
        ([part('name="a"', b"x\r\n--XXX")], b"--XX--"),
        ([part('name="a"'), part('name="a"', b"w")], b"--XX--"),
        ([part('name="a"', b"\xff")], b"--XX--"),
        ([part('name="a"').replace(b"\r\n", b"\n")], b"--XX--"),
        ([part('name="a"') + b" "], b"--XX--"),
    ],
)
def test_what_stands_where_nothing_should_is_refused(parts: list[bytes], end: bytes) -> None:
    assert refusal(*parts, end=end)


def test_parts_are_bounded() -> None:
    many = [part(f'name="a{number}"') for number in range(MAX_PARTS + 1)]
    assert len(read(*many[:-1]).texts) == MAX_PARTS
    assert "parts" in refusal(*many)
    assert "headers" in refusal(part('name="a"; filename="' + "x" * 5_000 + '"'))


def test_a_field_is_added_before_the_others() -> None:
    form = read(part('name="a"'), part('name="f"; filename="x"', b"\x00")).with_field("model", "m")
    assert form.texts == {"model": "m", "a": "v"}
    assert form.raw[form.files[0].start : form.files[0].end] == b"\x00"


@given(st.lists(st.tuples(st.sampled_from("abc"), st.binary(max_size=30)), max_size=4), st.binary())
def test_any_bytes_are_read_or_refused(parts: list[tuple[str, bytes]], rest: bytes) -> None:
    raw = b"".join(part(f'name="{name}"; filename="x"', value) for name, value in parts)
    for body in (raw + b"--XX--", raw + rest, rest):
        try:
            form = read_form(body, TYPE)
        except BadRequest:
            continue
        assert [body[file.start : file.end] for file in form.files] == [v for _, v in parts]
