"""Compressed bodies: what is inflated, and how much of it."""

import asyncio
import gzip
import os
import zlib

import pytest
from backports import zstd

from router.api.codings import decoded
from router.errors import BadRequest, PayloadTooLarge, UnsupportedCoding
from router.protocols.decoders import FREE_BYTES, MOST_RATIO

TEXT = b'{"model": "auto"}' * 100
MOST = 32_000_000


def bare(data: bytes) -> bytes:
    """Deflate without zlib's header, as some clients send it."""
    squeeze = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return squeeze.compress(data) + squeeze.flush()


WAYS = [
    (b"gzip", gzip.compress),
    (b"x-gzip", gzip.compress),
    (b"GZIP", gzip.compress),
    (b"deflate", zlib.compress),
    (b"deflate", bare),
    (b"zstd", zstd.compress),
    (b"identity, gzip", gzip.compress),
]


@pytest.mark.parametrize(("coding", "squeeze"), WAYS)
async def test_a_body_is_inflated_to_what_it_was(coding, squeeze):
    for text in (TEXT, b"x", os.urandom(600_000)):  # the last one is more than is done at once
        assert await decoded(squeeze(text), coding, MOST) == text


async def test_a_body_that_is_as_it_is_stays_so():
    assert await decoded(TEXT, b"identity", MOST) is TEXT


@pytest.mark.parametrize("coding", [b"br", b"gzip, gzip", b"gzip,deflate", b"*", b"\xff"])
async def test_other_codings_are_refused_with_those_that_are_taken(coding):
    with pytest.raises(UnsupportedCoding) as caught:
        await decoded(TEXT, coding, MOST)
    assert caught.value.headers == (("accept-encoding", "gzip, deflate, zstd"),)


@pytest.mark.parametrize(("coding", "squeeze"), WAYS)
async def test_a_body_of_exactly_the_limit_is_taken_and_one_byte_more_is_not(coding, squeeze):
    body = squeeze(TEXT)
    assert await decoded(body, coding, len(TEXT)) == TEXT
    with pytest.raises(PayloadTooLarge):
        await decoded(body, coding, len(TEXT) - 1)


@pytest.mark.parametrize("squeeze", [gzip.compress, zlib.compress, zstd.compress])
async def test_beyond_a_megabyte_a_body_may_not_inflate_to_hundreds_of_times_its_size(squeeze):
    coding = {gzip.compress: b"gzip", zlib.compress: b"deflate"}.get(squeeze, b"zstd")
    free = squeeze(b" " * FREE_BYTES)
    assert len(await decoded(free, coding, MOST)) == FREE_BYTES
    with pytest.raises(PayloadTooLarge, match=str(MOST_RATIO)):
        await decoded(squeeze(b" " * 20_000_000), coding, MOST)


@pytest.mark.parametrize(("coding", "squeeze"), WAYS)
async def test_a_body_that_was_cut_or_goes_on_is_refused(coding, squeeze):
    body = squeeze(TEXT)
    for wrong in (b"", body[:-1], body[: len(body) // 2], body + b"x", body + body):
        with pytest.raises(BadRequest):
            await decoded(wrong, coding, MOST)


async def test_a_window_larger_than_every_decoder_must_take_is_refused():
    wide = {int(zstd.CompressionParameter.window_log): 27}
    squeeze = zstd.ZstdCompressor(options=wide)
    body = squeeze.compress(TEXT) + squeeze.flush()
    with pytest.raises(BadRequest):
        await decoded(body, b"zstd", MOST)


async def test_what_takes_long_is_inflated_beside_the_event_loop():
    body = gzip.compress(os.urandom(8_000_000), 1)
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.ensure_future(count())
    assert len(await decoded(body, b"gzip", MOST)) == 8_000_000
    counting.cancel()
    assert turns > 1
