"""A driver without coverage: mutations of what is kept, from a seed, where atheris cannot run.

It is also what runs the readers in C under the sanitizers, which atheris does not instrument here.
"""

import random
from collections.abc import Iterator, Sequence
from typing import Final

MOST: Final = 4_000  # bytes of an input
_ODD: Final = (
    b"", b"\0", b"\xff", b"\n\n", b"\r", b"\r\n", b'"', b"\\", b"\\u0000", b"\\ud800", b"{", b"}",
    b"[", b"]", b":", b",", b"-1", b"1e400", b"NaN", b"null", b"true", b"\xed\xa0\x80",
    b"data: ", b"event: ", b"[DONE]", b"Content-Length: 9", b"Transfer-Encoding: chunked",
    b"0\r\n\r\n", b"\xef\xbb\xbf",
    b"&a ", b"*a", b"<<: ", b"!!python/none", b"9" * 40, b"  " * 40, b"a" * 300, b"[" * 300,
)  # fmt: skip


def mutations(kept: Sequence[bytes], seed: int) -> Iterator[bytes]:
    """Inputs without end: of each kept one some neighbours, and joints of two."""
    pick = random.Random(seed)
    while True:
        data = bytearray(pick.choice(kept))
        for _ in range(pick.randint(1, 6)):
            _change(data, pick, kept)
        yield bytes(data[:MOST])


def _change(data: bytearray, pick: random.Random, kept: Sequence[bytes]) -> None:
    at = pick.randint(0, len(data))
    match pick.randrange(6):
        case 0 if data:
            data[at % len(data)] ^= 1 << pick.randrange(8)
        case 1:
            data[at : at + pick.randint(0, 16)] = b""
        case 2:
            data[at:at] = data[at : at + pick.randint(1, 60)]
        case 3:
            other = pick.choice(kept)
            data[at:] = other[pick.randint(0, len(other)) :]
        case 4:
            data[at : at + pick.randint(0, 4)] = pick.randbytes(pick.randint(1, 4))
        case _:
            data[at : at + pick.choice((0, 0, 3))] = pick.choice(_ODD)
