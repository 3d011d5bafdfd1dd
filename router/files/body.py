"""Bodies that are not held in memory: what a client sends is spooled, and goes on from there."""

import secrets
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final

from router.errors import PayloadTooLarge

_IN_MEMORY: Final = 1_000_000  # bytes of a file that need no disk
_PIECE: Final = 256 * 1024


class Spool:
    """The bytes of a file, on disk where they are many: nameless there, and gone with us."""

    def __init__(self, folder: Path, most: int) -> None:
        """`most` bytes are taken."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = tempfile.SpooledTemporaryFile(  # noqa: SIM115 # we are its block
            _IN_MEMORY, "w+b", dir=str(folder)
        )
        self._most = most
        self.size = 0

    def __enter__(self) -> "Spool":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def take(self, data: bytes) -> None:
        """Keep the next bytes. Raises PayloadTooLarge."""
        self.size += len(data)
        if self.size > self._most:
            raise PayloadTooLarge(f"The file has more than {self._most} bytes.", param="file")
        self._file.write(data)

    def pieces(self) -> Iterator[bytes]:
        """All bytes from the beginning, a piece at a time."""
        self._file.seek(0)
        while piece := self._file.read(_PIECE):
            yield piece

    def lines(self, most: int) -> Iterator[bytes]:
        """All lines from the beginning, with their ends; of one that has more than `most` bytes
        the beginning, which is longer than that."""
        self._file.seek(0)
        while line := self._file.readline(most + 2):
            yield line


class FormBody:
    """A multipart form of a spooled file: see `router.backends.transport.transport.BodyPieces`."""

    def __init__(self, texts: Mapping[str, str], head: bytes, spool: Spool) -> None:
        """`head` are the headers of the file's part."""
        boundary = secrets.token_hex(16)
        fields = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'
            for name, text in texts.items()
        ]
        opening = "".join([*fields, f"--{boundary}\r\n"]).encode()
        self._before = opening + head + b"\r\n\r\n"
        self._after = f"\r\n--{boundary}--\r\n".encode()
        self._spool = spool
        self.content_type = f"multipart/form-data; boundary={boundary}"

    def __len__(self) -> int:
        return len(self._before) + self._spool.size + len(self._after)

    def __iter__(self) -> Iterator[bytes]:
        yield self._before
        yield from self._spool.pieces()
        yield self._after
