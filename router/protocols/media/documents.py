"""How many pages a document has: as a PDF tells, else by its bytes."""

import re
import zlib
from itertools import islice
from typing import Final

BYTES_A_PAGE: Final = 16 * 1024  # of a document that cannot be read here
TEXT_A_PAGE: Final = 12 * 1024  # of one that is plain text
_MOST_INFLATED: Final = 512 * 1024
_MOST_STREAMS: Final = 1_000
_MOST_COUNTS: Final = 10_000
_DICTIONARY: Final = 512  # bytes between the name of a stream's kind and the stream
_PAGE: Final = re.compile(rb"/Type\s{0,8}/Page(?![A-Za-z])")
_COUNT: Final = re.compile(rb"/Count\s{0,8}(\d{1,5})")
_LINEAR: Final = re.compile(rb"/Linearized[^>]{0,200}?/N\s{0,8}(\d{1,5})")


def is_pdf(head: bytes) -> bool:
    """Whether these are the first bytes of a PDF, as readers take them."""
    return b"%PDF-" in head[:1024]


def pages_by_size(size: int, *, text: bool) -> int:
    """How many pages `size` bytes of an unread document count as."""
    return -(-size // (TEXT_A_PAGE if text else BYTES_A_PAGE))


def pages_of_pdf(seen: bytes, *, whole: bool) -> int:
    """The pages a PDF tells; 0 where it tells none, and its size must do.

    `seen` is the file, or where it is not `whole` its two ends. Page objects are counted, those in
    compressed streams included; where some may be hidden, the pages that the file itself claims.
    """
    inflated, all_read = _inflate_objects(seen)
    counted = len(_PAGE.findall(seen)) + len(_PAGE.findall(inflated))
    if counted and whole and all_read:
        return counted
    linear = _LINEAR.search(seen[:2048])
    claims = [int(linear[1])] if linear else []
    for place in (seen, inflated):
        claims += [int(match[1]) for match in islice(_COUNT.finditer(place), _MOST_COUNTS)]
    claimed = max(claims, default=0)
    return max(counted, claimed) if claimed else 0


def _inflate_objects(seen: bytes) -> tuple[bytes, bool]:
    """What the streams of objects hold, and whether all of it could be read."""
    parts: list[bytes] = []
    at, left, whole = 0, _MOST_INFLATED, True
    for _ in range(_MOST_STREAMS):
        at = seen.find(b"/ObjStm", at)
        if at < 0:
            return b"".join(parts), whole
        start = seen.find(b"stream", at, at + _DICTIONARY)
        end = seen.find(b"endstream", start) if start >= 0 else -1
        if end < 0:
            break
        start += 6 + (2 if seen[start + 6 : start + 8] == b"\r\n" else 1)
        reader = zlib.decompressobj()
        try:
            parts.append(reader.decompress(seen[start:end], left))
            left -= len(parts[-1])
            whole = whole and reader.eof
        except zlib.error:  # another filter, or encrypted
            whole = False
        if left <= 0:
            break
        at = end
    return b"".join(parts), False
