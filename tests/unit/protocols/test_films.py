"""A video tells its length in its header, wherever that stands in the file."""

import struct

import pytest
from media_files import encoded

from router.protocols.media.films import seconds_of
from router.protocols.media.gauge import MediaGauge


def film(lasts: int, scale: int = 1_000, *, version: int = 0, before: int = 0) -> bytes:
    """An MP4 with its header behind `before` bytes of pictures."""
    wide = "Q" if version else "I"
    times = struct.pack(f">B3x{wide}{wide}I{wide}", version, 0, 0, scale, lasts)
    header = struct.pack(">I", 108) + b"mvhd" + times + bytes(80)
    pictures = struct.pack(">I4sQ", 1, b"mdat", 16 + before) + bytes(before)
    return b"\0\0\0\x0cftypmp42" + pictures + b"\0\0\1\0moov" + header


@pytest.mark.parametrize("version", [0, 1])
@pytest.mark.parametrize("before", [0, 1, 2, 300_000])
def test_a_film_tells_its_seconds_at_either_end(version, before):
    gauge = MediaGauge()
    file = film(61_500, version=version, before=before)
    gauge.add("video", "data:video/mp4;base64," + encoded(file))
    media = gauge.media()
    assert (media.film_seconds, media.film_bytes, media.video_bytes) == (62, len(file), len(file))


@pytest.mark.parametrize(
    "piece",
    [
        b"",
        b"no header at all" * 9,
        b"\0\0\0\0moovmvhd",
        b"\0\0\0\x08free" * 100,
        film(5)[:60],
        film(0),
        film(5, 0),
        film(2**32 - 1),
        film(2**40, 1, version=1),
    ],
)
def test_a_film_that_tells_nothing_or_nonsense_counts_by_its_bytes(piece):
    assert seconds_of(lambda at, length: piece[at : at + length]) == 0
    gauge = MediaGauge()
    gauge.add("video", encoded(piece))
    assert gauge.media().film_seconds == 0
