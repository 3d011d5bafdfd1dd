"""Counts are read as they were meant: beside or within, as their totals tell; none is guessed."""

from typing import Any

import pytest

from router.domain import Usage
from router.protocols.spellings import MESSAGES, OPENAI
from router.protocols.told import UNTOLD, served, tier_of, told, with_units

COUNTS = {"prompt_tokens": 12, "completion_tokens": 5}
CACHED = {"prompt_tokens_details": {"cached_tokens": 20000}}
THOUGHT = {"completion_tokens_details": {"reasoning_tokens": 40}}


def read(**usage: Any) -> Usage:
    result = told(COUNTS | usage, OPENAI)
    assert result is not None
    return result


@pytest.mark.parametrize("cached", [CACHED, {"cache_read_input_tokens": 20000}])
def test_a_total_tells_that_the_cache_stands_beside_the_prompt(cached: dict[str, Any]) -> None:
    assert read(total_tokens=20017, **cached) == Usage(20012, 5, 20000)


def test_what_was_written_to_a_cache_may_stand_beside_alone() -> None:
    usage = {"cache_read_input_tokens": 7, "cache_creation_input_tokens": 3000}
    assert read(total_tokens=3017, **usage) == Usage(3012, 5, 7, cache_write_tokens=3000)
    assert read(total_tokens=3024, **usage) == Usage(3019, 5, 7, cache_write_tokens=3000)


def test_a_total_that_counts_nothing_beside_leaves_all_within() -> None:
    usage = {"cache_read_input_tokens": 7, "cache_creation_input_tokens": 3}
    assert read(total_tokens=17, **usage) == Usage(12, 5, 7, cache_write_tokens=3)
    assert read(**usage) == Usage(12, 5, 7, cache_write_tokens=3)


def test_thoughts_beside_the_answer_are_output_where_they_explain_the_total() -> None:
    assert read(total_tokens=57, **THOUGHT) == Usage(12, 45, 0, 40)
    assert read(total_tokens=20057, **THOUGHT, **CACHED) == Usage(20012, 45, 20000, 40)


@pytest.mark.parametrize("total", [18, 900, 1 << 40, 16, 0, -3, 17.5, None, "many"])
def test_what_a_total_leaves_unexplained_is_nothing(total: Any) -> None:
    assert read(total_tokens=total) == Usage(12, 5)
    assert read(total_tokens=total, prompt_tokens_details={"cached_tokens": 4}) == Usage(12, 5, 4)


def test_anthropics_names_tell_of_a_cache_beside_where_no_total_denies_it() -> None:
    assert read(cache_read_input_tokens=20000) == Usage(20012, 5, 20000)
    assert read(total_tokens=17, cache_read_input_tokens=20000) == Usage(20012, 5, 20000)


def test_a_part_within_is_never_larger_than_its_whole() -> None:
    assert read(total_tokens=17, **CACHED) == Usage(12, 5, 12)
    assert read(total_tokens=17, **THOUGHT) == Usage(12, 5, 0, 5)


def test_thoughts_beyond_the_answer_that_no_total_denies_stand_beside_it() -> None:
    assert read(**THOUGHT) == Usage(12, 45, 0, 40)
    assert read(total_tokens=17, reasoning_tokens=40) == Usage(12, 45, 0, 40)


def test_an_explicit_zero_inside_goes_before_a_number_outside() -> None:
    assert read(prompt_tokens_details={"cached_tokens": 0}, cached_tokens=5) == Usage(12, 5)


@pytest.mark.parametrize(
    "odd", [-1, 1.5, True, "7.5", "x", None, [], {}, 1 << 31, float("inf"), "99999999999"]
)
def test_a_count_that_cannot_be_true_takes_no_other_with_it(odd: Any) -> None:
    details = {"cached_tokens": odd, "audio_tokens": 2}
    assert read(prompt_tokens_details=details) == Usage(12, 5, parts=(("audio_input", 2),))
    assert read(completion_tokens=odd) == Usage(12, UNTOLD, estimated=True)
    assert read(prompt_tokens=odd) == Usage(UNTOLD, 5, estimated=True)


def test_sound_from_a_cache_is_counted_once() -> None:
    details = {
        "cached_tokens": 6,
        "audio_tokens": 8,
        "cached_tokens_details": {"audio_tokens": 5, "text_tokens": 1},
    }
    parts = (("audio_input", 3), ("cached_audio", 5))
    assert read(input_token_details=details) == Usage(12, 5, 6, parts=parts)


def test_lifetimes_alone_tell_what_was_written() -> None:
    usage = {"input_tokens": 1, "output_tokens": 2, "cache_creation": {}}
    usage["cache_creation"] = {"ephemeral_5m_input_tokens": 4, "ephemeral_1h_input_tokens": 6}
    apart = frozenset({"cached_input", "cache_write"})
    written = Usage(11, 2, cache_write_tokens=10, parts=(("cache_write_1h", 6),))
    assert told(usage, MESSAGES, apart) == written


@pytest.mark.parametrize(
    ("names", "tier"),
    [
        (["default"], None),
        (["standard", "not_available"], None),
        (["priority"], "priority"),
        (["ON_DEMAND_PRIORITY"], "priority"),
        (["standard", "us", "fast"], "fast+us"),
        (["us", "fast+us"], "fast+us"),
        ([None, 7, {"type": "flex"}, "x" * 33, "a\nb", ""], None),
    ],
)
def test_the_class_of_service_is_told_in_one_word_or_several(names: Any, tier: str | None) -> None:
    assert tier_of(names) == tier


def test_the_class_beside_the_counts_is_added_to_theirs() -> None:
    assert served(Usage(1, 2), "flex") == Usage(1, 2, tier="flex")
    assert served(Usage(1, 2, tier="us"), "priority") == Usage(1, 2, tier="priority+us")
    assert served(Usage(1, 2, tier="us"), "default") == Usage(1, 2, tier="us")
    assert served(Usage(1, 2), {"type": "priority"}) == Usage(1, 2)


def test_fees_that_the_counts_tell_go_before_those_of_items() -> None:
    usage = Usage(1, 2, units=(("web_search", 3),))
    assert with_units(usage, {"web_search": 9, "file_search": 1, "page": 0}) == Usage(
        1, 2, units=(("web_search", 3), ("file_search", 1))
    )


@pytest.mark.parametrize("seven", [7, 7.0, "7"])
def test_a_whole_number_is_a_count_however_it_is_written(seven: Any) -> None:
    usage = told({"prompt_tokens": seven, "completion_tokens": 2, "total_tokens": 9}, OPENAI)
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens, usage.estimated) == (7, 2, False)
