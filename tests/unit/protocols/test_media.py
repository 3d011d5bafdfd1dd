"""What is not text is measured from little, and never wrongly small or at any cost."""

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from media_files import encoded, gif, jpeg, pdf, png, wav, webp

from router.ask import Media
from router.ledger.estimate import estimate_tokens
from router.protocols.media import documents, pictures, sounds
from router.protocols.media.gauge import MediaGauge


def gauged(kind: str, data: object, **more: object) -> Media:
    gauge = MediaGauge()
    gauge.add(kind, data, **more)  # type: ignore[arg-type]
    return gauge.media()


@pytest.mark.parametrize(
    "image",
    [png(640, 480), gif(640, 480), jpeg(640, 480), jpeg(640, 480, 65_000),
     webp(b"VP8X", 640, 480), webp(b"VP8L", 640, 480), webp(b"VP8 ", 640, 480)],
)  # fmt: skip
@pytest.mark.parametrize("before", ["", "data:image/x;base64,"])
def test_pixels_are_read_from_the_header(image: bytes, before: str) -> None:
    media = gauged("image", before + encoded(image))
    assert media.pixels == 640 * 480
    assert media.images == 1
    assert media.image_bytes == pytest.approx(len(image))


@pytest.mark.parametrize("image", [png(640, 480), jpeg(640, 480), webp(b"VP8X", 640, 480)])
def test_a_header_that_is_cut_off_tells_nothing(image: bytes) -> None:
    for end in range(11):
        assert pictures.pixels_of(image[:end]) == 0


def test_an_absurd_size_is_none() -> None:
    assert pictures.pixels_of(png(2**32 - 1, 2**32 - 1)) == 0


def test_an_image_by_its_address_is_counted_and_its_detail_is_told() -> None:
    media = gauged("image", "https://x/y.png", detail="low")
    assert media == Media(images=1, low_detail=1)


@pytest.mark.parametrize("seconds", [0.5, 1, 2.25, 61])
def test_the_seconds_of_a_wav_are_exact_and_rounded_up(seconds: float) -> None:
    media = gauged("audio", encoded(wav(seconds)))
    assert media.audio_seconds == -(-seconds // 1)
    assert not media.seconds_guessed


@pytest.mark.parametrize("claimed", [0, 0xFFFFFFFF])
def test_a_wav_written_before_its_length_was_known_is_measured_by_its_bytes(claimed: int) -> None:
    assert gauged("audio", encoded(wav(3, claimed=claimed))).audio_seconds in (3, 4)


@pytest.mark.parametrize(
    ("head", "seconds"), [(b"\xff\xfb\x90\x64", 2), (b"OggS", 8), (b"fLaC", 8), (b"\xff\xf3", 8)]
)
def test_other_sounds_are_bounded_by_the_lowest_rate(head: bytes, seconds: int) -> None:
    media = gauged("audio", encoded(head.ljust(8_000, b"\x01")))
    assert media.audio_seconds == seconds
    assert media.seconds_guessed


def test_a_wav_of_an_absurd_rate_is_bounded_by_its_bytes() -> None:
    lying = bytearray(wav(1))
    lying[28:32] = b"\xff\xff\xff\xff"
    assert sounds.seconds_of(bytes(lying), len(lying)) == (-(-len(lying) // 1_000), True)


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize("pages", [1, 3, 250])
def test_pages_of_a_pdf_are_counted_in_compressed_streams_too(pages: int, hidden: bool) -> None:
    media = gauged("file", "data:application/pdf;base64," + encoded(pdf(pages, hidden=hidden)))
    assert media.pages == pages
    assert not media.pages_guessed


def test_a_long_pdf_is_read_at_both_ends() -> None:
    media = gauged("file", encoded(pdf(40, padding=2_000_000)))
    assert (media.pages, media.pages_guessed) == (40, False)


@pytest.mark.parametrize("file", [pdf(3, filtered=True, padding=100_000), b"PK" * 50_000])
def test_a_document_that_tells_no_pages_counts_by_its_bytes(file: bytes) -> None:
    media = gauged("file", encoded(file))
    assert media.pages == 7  # of 16 KiB
    assert media.pages_guessed


@pytest.mark.parametrize("source", ["url", "media_type"])
def test_a_file_of_text_holds_no_less_than_its_text(source: str) -> None:
    text = encoded(b"word " * 20_000)
    if source == "url":
        media = gauged("file", "data:text/csv;base64," + text)
    else:
        media = gauged("file", text, media_type="text/plain")
    assert estimate_tokens(0, images=1, media=media) >= estimate_tokens(100_000)


def test_padding_in_the_middle_hides_no_pages() -> None:
    first = pdf(1)
    first += b" " * (1 + -len(first) % 3)
    media = gauged("file", encoded(first) + encoded(pdf(9_000)))
    assert encoded(first).endswith("=")
    assert media.pages_guessed
    assert media.pages > 10


def test_line_breaks_in_base64_are_no_matter() -> None:
    whole = encoded(pdf(5))
    lines = "\r\n".join(whole[at : at + 76] for at in range(0, len(whole), 76))
    assert gauged("file", lines).pages == 5


def test_videos_and_what_is_unknown_are_counted() -> None:
    gauge = MediaGauge()
    gauge.add("video", "QUJD")
    gauge.add("other", {"not": "text"})
    assert gauge.media() == Media(videos=1, others=1, video_bytes=3)


def test_a_request_has_only_so_much_decoded_and_the_rest_counts_by_its_bytes() -> None:
    gauge = MediaGauge()
    picture, document = encoded(jpeg(9, 9, 45_000)), encoded(pdf(1, padding=1_000_000))
    for _ in range(20):
        gauge.add("image", picture)
        gauge.add("file", document)
    media = gauge.media()
    assert media.images == media.files == 20
    assert 1 <= media.pixels // 81 < 10
    assert media.pages == 1 + 19 * 62
    assert media.pages_guessed


def test_more_segments_and_streams_than_any_encoder_writes_are_not_followed() -> None:
    assert pictures.pixels_of(b"\xff\xd8" + b"\xff\x01" * 2_000 + jpeg(9, 9)[2:]) == 0
    streams = b"/ObjStm stream endstream " * 2_000
    assert documents.pages_of_pdf(b"/Type/Page" + streams, whole=True) == 0


def test_a_bomb_of_compressed_objects_is_inflated_a_little_only() -> None:
    bomb = pdf(1_000_000, hidden=True)
    assert len(bomb) < 200_000
    assert documents.pages_of_pdf(bomb, whole=True) < 1_000_000


_MAKERS: list[Callable[[], bytes]] = [
    lambda: png(10, 10),
    lambda: jpeg(10, 10, 500),
    lambda: webp(b"VP8L", 10, 10),
    lambda: gif(10, 10),
    lambda: wav(0.05),
    lambda: pdf(3),
    lambda: pdf(3, hidden=True),
]


@given(
    st.sampled_from(("image", "audio", "file", "video", "other")),
    st.one_of(st.text(), st.none(), st.integers(), st.binary().map(encoded)),
)
def test_whatever_is_sent_is_counted_without_an_error(kind: str, data: object) -> None:
    media = gauged(kind, data, detail=data, media_type=data)
    assert estimate_tokens(0, images=1, media=media) >= estimate_tokens(0, images=1)


@given(st.sampled_from(_MAKERS), st.integers(0), st.sampled_from(("image", "audio", "file")))
def test_true_files_with_wrong_bytes_are_counted_without_an_error(
    make: Callable[[], bytes], seed: int, kind: str
) -> None:
    chance = random.Random(seed)
    file = bytearray(make())
    for _ in range(chance.randrange(8)):
        file[chance.randrange(len(file))] = chance.randrange(256)
    media = gauged(kind, encoded(bytes(file[: chance.randrange(len(file) + 1)])))
    assert 0 <= media.pixels <= 1 << 40
    assert 0 <= media.audio_seconds <= len(file) // 1_000 + 1
    assert 0 <= media.pages <= 99_999
