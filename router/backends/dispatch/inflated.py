"""An answer that came compressed, read as if it had not.

Some servers, and proxies before them, compress although they were asked not to; and an operator may
ask for it (`compressed_answers`), where an answer is large and the way far.
"""

from collections.abc import Callable, Mapping
from typing import Final

from router.backends.transport.transport import HttpAnswer, TransportError
from router.protocols.decoders import MOST_RATIO, Decoder, Makes, decoder_of, most_of

_AT_ONCE: Final = 1024 * 1024  # bytes of one piece
_OF_ITS_CODING: Final = frozenset({"content-encoding", "content-length"})


def uncompressed(answer: HttpAnswer, coding: str) -> HttpAnswer:
    """Return the answer as it was before its server applied this `content-encoding`.

    Raises TransportError for codings that are not known.
    """
    name, make = decoder_of(coding.encode("latin-1", "replace"))
    if not name:
        return answer
    if make is None:
        raise TransportError("encoded its answer in a way that was not asked for")
    return InflatedAnswer(answer, make)


class InflatedAnswer:
    """See `HttpAnswer`. Reading raises TransportError too: for a body that is not of its coding,
    was cut, or grows beyond all measure."""

    __slots__ = ("_answer", "_came", "_decoder", "_make", "_size", "_waiting")

    def __init__(self, answer: HttpAnswer, make: Makes) -> None:
        self._answer = answer
        self._make = make
        self._decoder: Decoder | None = None
        self._waiting = b""  # what came and was not inflated yet
        self._came = self._size = 0

    @property
    def status(self) -> int:
        """See `HttpAnswer`."""
        return self._answer.status

    @property
    def headers(self) -> Mapping[str, str]:
        """See `HttpAnswer`."""
        return self._answer.headers

    def header(self, name: str) -> str:
        """See `HttpAnswer`; how long and how coded the body was is told no more."""
        return "" if name in _OF_ITS_CODING else self._answer.header(name)

    async def read(self) -> bytes:
        """See `HttpAnswer`."""
        while not (piece := self._inflate()):
            data = await self._answer.read()
            if not data:
                self._end()
                return b""
            self._take(data)
        return piece

    async def flow(self, take: Callable[[bytes], bool]) -> bool:
        """See `HttpAnswer`."""
        while data := await self.read():
            if not take(data):
                return False
        return True

    def rest(self) -> bytes | None:
        """See `HttpAnswer`."""
        data = self._answer.rest()
        if data is None:
            return None
        if data:
            self._take(data)
        pieces = []
        while piece := self._inflate():
            pieces.append(piece)
        self._end()
        return b"".join(pieces)

    def close(self) -> None:
        """See `HttpAnswer`."""
        self._answer.close()

    def _take(self, data: bytes) -> None:
        if self._decoder is None:
            self._decoder = self._make(data)
        self._came += len(data)
        self._waiting += data

    def _inflate(self) -> bytes:
        """The next piece of what has come; empty where more has to come first."""
        decoder = self._decoder
        if decoder is None or decoder.over:
            return b""
        try:
            piece = decoder.take(self._waiting, _AT_ONCE)
        except ValueError:
            raise TransportError("answered with a body that is not of its encoding") from None
        self._waiting = decoder.left
        self._size += len(piece)
        if self._size > most_of(self._came):
            raise TransportError(f"sent a body that inflates to over {MOST_RATIO} times its size")
        return piece

    def _end(self) -> None:
        """Nothing more comes."""
        if self._decoder is not None and not self._decoder.over:
            raise TransportError("broke off its answer")
