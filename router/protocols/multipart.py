"""Multipart forms (RFC 7578), read once, so that their bytes can be relayed as they came.

Servers read forms in many ways, and a client must not be metered by one and served by another. So
the grammar is the one that every client library writes, and what two readers might take apart
differently is refused: anything before the first part or behind the last, line ends that are not
CRLF, a boundary inside a part, names that are escaped, coded or given twice.
"""

import re
from dataclasses import dataclass
from typing import Final

from router.errors import BadRequest
from router.protocols.scan import Members
from router.protocols.twins import printable

MAX_PARTS: Final = 256
_MAX_HEAD: Final = 4_096  # bytes of a part's headers
_TYPE: Final = re.compile(
    r"multipart/form-data(?:[ \t]*;[ \t]*charset=\"?utf-8\"?)?[ \t]*;[ \t]*"
    r"boundary=(?:\"([^\"\\\r\n]{1,70})\"|([^\s;\"]{1,70}))"
    r"(?:[ \t]*;[ \t]*charset=\"?utf-8\"?)?",
    re.IGNORECASE,
)
_BOUNDARY: Final = re.compile(r"[0-9A-Za-z'()+_,./:=?\-]{1,70}")
_HEADER: Final = re.compile(r"([A-Za-z0-9\-]{1,64}):[ \t]*(.*?)[ \t]*")
_NAME: Final = re.compile(r"[A-Za-z0-9_.\-]{1,64}(?:\[[A-Za-z0-9_.\-]{0,64}\]){0,4}")
_PARAMETER: Final = re.compile(r";[ \t]*([a-z*]{1,16})=(?:\"([^\"\r\n]*)\"|([^\s;\",]{1,255}))")
_DISPOSITION: Final = "content-disposition"
_CODING: Final = "content-transfer-encoding"
_UNCODED: Final = frozenset({"binary", "8bit", "7bit"})
_EXPECTED: Final = "Expected a multipart/form-data body, its content type with its boundary."


@dataclass(frozen=True, slots=True)
class File:
    """A part that is a file: the field it belongs to, what it calls itself, where its bytes are."""

    field: str
    content_type: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Form:
    """A form. `raw` is its body; `texts` are its fields by name, `members` where their values
    stand, `files` its files in their order. `content_type` is what the body is to be sent under.
    """

    raw: bytes
    content_type: str
    texts: dict[str, str]
    members: Members
    files: tuple[File, ...]

    def with_field(self, name: str, value: str) -> "Form":
        """The same with one more field before the others."""
        return read_form(with_field(self.raw, name, value), self.content_type)


def with_field(raw: bytes, name: str, value: str) -> bytes:
    """A form's body with one more field of plain ASCII before the others; one that does not begin
    with a line stays as it is."""
    first, end, _ = raw[:256].partition(b"\r\n")
    if not end:
        return raw
    head = f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
    return b"".join((first, end, head.encode(), raw))


def read_form(raw: bytes, content_type: str) -> Form:
    """Read a body of this content type; BadRequest where it is no such form, or ambiguous."""
    boundary = boundary_of(content_type)
    delimiter = b"--" + boundary.encode()
    if not raw.startswith(delimiter + b"\r\n"):
        raise BadRequest("The form does not begin with its boundary.")
    texts: dict[str, str] = {}
    members: Members = {}
    files: list[File] = []
    at = len(delimiter) + 2
    while at:
        if len(texts) + len(files) >= MAX_PARTS:
            raise BadRequest(f"The form has more than {MAX_PARTS} parts.")
        head_end = raw.find(b"\r\n\r\n", at, at + _MAX_HEAD)
        if head_end < 0:
            raise BadRequest("A part of the form has no end of its headers.")
        name, is_file, kind = read_head(raw[at:head_end])
        start = head_end + 4
        end = raw.find(b"\r\n" + delimiter, start)
        if end < 0:
            raise BadRequest("The form ends within a part.", param=name)
        if is_file:
            files.append(File(name, kind, start, end))
        else:
            if name in texts and not name.endswith("[]"):
                raise BadRequest(f"The field '{name}' stands twice in the form.", param=name)
            texts[name] = _text(raw[start:end], name)
            members[name] = (at, start, end)
        at = _next(raw, end + 2 + len(delimiter))
    sent_as = f'multipart/form-data; boundary="{boundary}"'
    return Form(raw, sent_as, texts, members, tuple(files))


def boundary_of(content_type: str) -> str:
    """The boundary of a form; BadRequest where the content type is that of none."""
    match = _TYPE.fullmatch(content_type.strip())
    boundary = (match[1] or match[2]) if match else ""
    if not _BOUNDARY.fullmatch(boundary):
        raise BadRequest(_EXPECTED)
    return boundary


def _next(raw: bytes, at: int) -> int:
    """Where the part behind a delimiter begins; 0 behind the last."""
    after = raw[at : at + 2]
    if after == b"\r\n":
        return at + 2
    if after == b"--" and raw[at + 2 : at + 5] in (b"", b"\r\n"):
        return 0
    raise BadRequest("The form's boundary stands within a part, or something behind its last one.")


def _text(value: bytes, name: str) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise BadRequest(f"The field '{name}' is not UTF-8.", param=name) from None


def read_head(head: bytes) -> tuple[str, bool, str]:
    """Name, whether it is a file, and content type of a part with these headers; BadRequest."""
    headers: dict[str, str] = {}
    for line in _text(head, "").split("\r\n"):
        match = _HEADER.fullmatch(line)
        if match is None or match[1].lower() in headers:
            raise BadRequest("A header of a part of the form is malformed, or stands twice.")
        headers[match[1].lower()] = match[2]
    if headers.get(_CODING, "binary").lower() not in _UNCODED:
        raise BadRequest("Parts of the form must not be encoded: send their bytes.")
    parameters = _disposition(headers.get(_DISPOSITION, ""))
    name = parameters.get("name", "")
    if not _NAME.fullmatch(name):
        raise BadRequest(f"A part of the form has no name that can be read: '{printable(name)}'.")
    is_file = "filename" in parameters or "filename*" in parameters
    return name, is_file, headers.get("content-type", "")


def _disposition(value: str) -> dict[str, str]:
    kind, semicolon, rest = value.partition(";")
    found: dict[str, str] = {}
    at, rest = 0, semicolon + rest
    while at < len(rest):
        match = _PARAMETER.match(rest, at)
        if match is None or match[1] in found or (match[2] or "").endswith("\\"):
            break
        found[match[1]] = match[2] if match[3] is None else match[3]
        at = match.end()
    if kind.strip().lower() != "form-data" or rest[at:].strip() or "name*" in found:
        raise BadRequest("A part of the form has no Content-Disposition that can be read.")
    return found
