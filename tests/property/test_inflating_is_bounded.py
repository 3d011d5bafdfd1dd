"""Whatever a client sends as a compressed body: no more comes of it than its bounds allow."""

import gzip
import zlib

from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from router.api.codings import decoded
from router.errors import BadRequest
from router.protocols.decoders import FREE_BYTES, MOST_RATIO

SQUEEZES = {b"gzip": gzip.compress, b"deflate": zlib.compress, b"zstd": zstd.compress}


def repeated(piece: bytes, times: int) -> bytes:
    return piece * times


TEXTS = st.binary(max_size=2_000) | st.builds(
    repeated, st.binary(min_size=1, max_size=20), st.integers(1, 200_000)
)


@st.composite
def bodies(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """A coding and a body: squeezed once or several times over, cut, joined, changed, or noise."""
    coding = draw(st.sampled_from([*SQUEEZES, b"br", b"gzip, gzip", b""]))
    body = draw(TEXTS)
    for _ in range(draw(st.integers(0, 3))):
        body = SQUEEZES[draw(st.sampled_from([*SQUEEZES]))](body)
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(body)))
        body = draw(
            st.sampled_from([body[:at], body + body[:at], body[:at] + b"\xff" + body[at + 1 :]])
        )
    return coding, body


@given(bodies(), st.integers(1, 4_000_000))
async def test_inflating_ends_within_its_bounds_or_in_a_refusal(
    sent: tuple[bytes, bytes], most: int
) -> None:
    coding, body = sent
    try:
        inflated = await decoded(body, coding, most)
    except BadRequest:
        return  # whatever else it raised would be a 500
    if inflated is not body:
        assert len(inflated) <= min(most, max(FREE_BYTES, MOST_RATIO * len(body)))


@given(st.sampled_from([*SQUEEZES]), TEXTS)
async def test_what_was_squeezed_comes_back_where_it_is_within_them(
    coding: bytes, text: bytes
) -> None:
    body = SQUEEZES[coding](text)
    if len(text) <= max(FREE_BYTES, MOST_RATIO * len(body)):
        assert await decoded(body, coding, 100_000_000) == text
