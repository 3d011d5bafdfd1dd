"""What is no text is counted as the providers say, per model where that is known."""

import pytest

from router.ask import NO_MEDIA, Media
from router.backends.media_rules import TOKENS_A_PART, load_rules, most_of_media, rules_of

SQUARE, TALL, WIDE = (1024, 1024), (2048, 4096), (3840, 2160)


def image(model: str, size: tuple[int, int] = (0, 0), detail: str = "") -> int:
    sizes = ((*size, detail),) if size[0] else ()
    low = int(detail == "low")
    return most_of_media(Media(images=1, low_detail=low, sizes=sizes), 1, [model])


# As the providers' own pages have it.
@pytest.mark.parametrize(
    ("model", "size", "detail", "tokens"),
    [
        ("gpt-4o", SQUARE, "high", 765),
        ("gpt-4o", TALL, "high", 1_105),
        ("gpt-4o", TALL, "low", 85),
        ("gpt-4o-mini", SQUARE, "", 2_833 + 4 * 5_667),
        ("gpt-4o-mini", (0, 0), "low", 2_833),
        ("gpt-4o-mini", (0, 0), "", 48_169),
        ("gpt-4.1-mini", (0, 0), "", 2_642),
        ("gpt-4.1-nano", WIDE, "", 3_779),
        ("claude-sonnet-4-5", (1000, 1000), "", 1_334),
        ("claude-sonnet-4-5", WIDE, "", 1_640),
        ("claude-opus-4-7", WIDE, "", 4_784),
        ("gemini-2.5-flash", (384, 384), "", 4 * 258),
        ("gemini-2.5-flash", (960, 540), "", 6 * 258),
        ("gemini-3-pro", WIDE, "", 2_240),
        ("Qwen2.5-VL-72B-Instruct", (1120, 1120), "", 1_600),
        ("Qwen2.5-VL-72B-Instruct", (9000, 9000), "", 16_386),
        ("pixtral-12b-2409", SQUARE, "", 4_160),
    ],
)
def test_an_image_is_held_for_as_its_model_counts_it(model, size, detail, tokens):
    assert image(model, size, detail) == tokens


@pytest.mark.parametrize("size", [(1, 1), (64, 64), SQUARE, TALL, WIDE, (1, 4_000), (60_000, 3)])
@pytest.mark.parametrize("detail", ["", "low", "high", "original"])
@pytest.mark.parametrize("rule", load_rules(), ids=lambda rule: rule.models.pattern)
def test_an_image_of_a_known_size_never_counts_more_than_one_of_any_size(rule, size, detail):
    assert 0 < rule.image.tokens(*size, detail) <= rule.image.tokens(0, 0, "")


def test_a_model_that_nobody_knows_is_held_for_by_the_dearest_rule_that_may_be_its_own():
    unknown = rules_of("deployment-7")
    assert not any(rule.alone for rule in unknown)
    for size in ((0, 0), SQUARE, WIDE):
        assert image("deployment-7", size) == max(rule.image.tokens(*size, "") for rule in unknown)


def test_the_dearest_of_the_candidates_counts():
    media = Media(images=1)
    cheap, dear = (most_of_media(media, 1, [name]) for name in ("gpt-4o", "gpt-4o-mini"))
    assert most_of_media(media, 1, ["gpt-4o", "gpt-4o-mini", "gpt-4o"]) == dear > cheap


@pytest.mark.parametrize(
    ("media", "tokens"),
    [
        (Media(audio=1, audio_seconds=60), TOKENS_A_PART + 60 * 32),
        (Media(files=2, pages=3), 2 * TOKENS_A_PART + 3 * 258),
        (Media(videos=1, film_seconds=10, film_bytes=9, video_bytes=9), TOKENS_A_PART + 10 * 295),
        (Media(videos=1, video_bytes=8_001), TOKENS_A_PART + 2 * 295),
        (Media(others=1), TOKENS_A_PART),
        (NO_MEDIA, 0),
    ],
)
def test_sounds_pages_and_films_count_by_their_length(media, tokens):
    parts = media.audio + media.files + media.videos + media.others
    assert most_of_media(media, parts, ["gemini-2.5-pro"]) == tokens


def test_a_part_that_was_not_looked_at_counts_as_one():
    assert most_of_media(NO_MEDIA, 2, ["gpt-4o"]) == 2 * TOKENS_A_PART


def test_every_row_is_the_first_that_its_own_name_finds():
    for rule in load_rules():
        name = rule.models.pattern.split("|")[0].replace("\\", "").split("(")[0].rstrip("-.[")
        found = rules_of(
            name + ("-3" if name == "claude" and rule.image.tokens(0, 0, "") < 2_000 else "")
        )
        assert len(found) == 1
