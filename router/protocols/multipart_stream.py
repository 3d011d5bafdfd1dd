"""A multipart form that holds one large file, read as it comes: the file is handed on in pieces.

The grammar is that of `router.protocols.multipart`, and what is ambiguous is refused as there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from router.errors import BadRequest
from router.protocols.multipart import boundary_of, read_head

_MOST_HEAD: Final = 4_096  # bytes of a part's headers
_MOST_TEXT: Final = 65_536  # bytes of all fields that are no file
_MOST_PARTS: Final = 64
_END: Final = "The form ends within a part."


class _At(Enum):
    """Where the reader stands."""

    START = "before the first boundary"
    HEAD = "in the headers of a part"
    BODY = "in a part"
    BOUNDARY = "behind a boundary"
    END = "behind the last boundary"


@dataclass(frozen=True, slots=True)
class FilePart:
    """The file of a form: its field, its headers as they came, without the empty line."""

    field: str
    head: bytes
    content_type: str


class FormReader:
    """Takes the bytes of a form as they come. `texts` are its fields, `file` is its file, both
    known once `finish` was called; the file's bytes go to `take`.
    """

    def __init__(self, content_type: str, take: Callable[[bytes], None]) -> None:
        """Raises BadRequest where the content type is that of no form."""
        self._delimiter = b"--" + boundary_of(content_type).encode()
        self._take = take
        self._buffer = b""
        self._at = _At.START
        self._name = ""
        self._text: list[bytes] | None = None  # of the part it is in; None in the file
        self._text_bytes = self._parts = 0
        self.texts: dict[str, str] = {}
        self.file: FilePart | None = None

    def feed(self, data: bytes) -> None:
        """Take the next bytes. Raises BadRequest, and whatever `take` raises."""
        self._buffer += data
        while _STEPS[self._at](self):
            pass

    def finish(self) -> None:
        """The form is there. Raises BadRequest where it is not whole."""
        if self._at is not _At.END or self._buffer not in (b"", b"\r\n"):
            raise BadRequest(_END if self._at is not _At.END else "Something follows the form.")

    # Each step says whether another one may follow with what has come.

    def _start(self) -> bool:
        line = self._delimiter + b"\r\n"
        if len(self._buffer) < len(line):
            return False
        if not self._buffer.startswith(line):
            raise BadRequest("The form does not begin with its boundary.")
        return self._go(_At.HEAD, len(line))

    def _head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n", 0, _MOST_HEAD)
        if end < 0:
            if len(self._buffer) >= _MOST_HEAD:
                raise BadRequest("A part of the form has no end of its headers.")
            return False
        head = self._buffer[:end]
        self._name, is_file, kind = read_head(head)
        self._parts += 1
        if self._parts > _MOST_PARTS:
            raise BadRequest(f"The form has more than {_MOST_PARTS} parts.")
        if is_file and self.file is not None:
            raise BadRequest("The form has more than one file.", param=self._name)
        if self._name in self.texts:
            raise BadRequest(f"The field '{self._name}' stands twice.", param=self._name)
        if is_file:
            self.file = FilePart(self._name, head, kind)
        self._text = None if is_file else []
        return self._go(_At.BODY, end + 4)

    def _body(self) -> bool:
        needle = b"\r\n" + self._delimiter
        end = self._buffer.find(needle)
        if end >= 0:
            self._give(self._buffer[:end])
            self._close_part()
            return self._go(_At.BOUNDARY, end + len(needle))
        sure = len(self._buffer) - len(needle)
        if sure > 0:
            self._give(self._buffer[:sure])
            self._buffer = self._buffer[sure:]
        return False

    def _boundary(self) -> bool:
        if len(self._buffer) < 2:
            return False
        after = self._buffer[:2]
        if after not in (b"\r\n", b"--"):
            raise BadRequest("The form's boundary stands within a part.")
        return self._go(_At.HEAD if after == b"\r\n" else _At.END, 2)

    def _end(self) -> bool:
        if len(self._buffer) > 2:
            raise BadRequest("Something follows the form.")
        return False

    def _go(self, at: _At, taken: int) -> bool:
        self._at, self._buffer = at, self._buffer[taken:]
        return True

    def _give(self, data: bytes) -> None:
        if self._text is None:
            if data:
                self._take(data)
            return
        self._text_bytes += len(data)
        if self._text_bytes > _MOST_TEXT:
            raise BadRequest("The fields of the form are too large.", param=self._name)
        self._text.append(data)

    def _close_part(self) -> None:
        if self._text is None:
            return
        try:
            self.texts[self._name] = b"".join(self._text).decode()
        except UnicodeDecodeError:
            raise BadRequest(f"The field '{self._name}' is not UTF-8.", param=self._name) from None


_STEPS: Final = {
    _At.START: FormReader._start,  # noqa: SLF001 # a table of its own steps
    _At.HEAD: FormReader._head,  # noqa: SLF001
    _At.BODY: FormReader._body,  # noqa: SLF001
    _At.BOUNDARY: FormReader._boundary,  # noqa: SLF001
    _At.END: FormReader._end,  # noqa: SLF001
}
