"""The quick way to read a server's token counts says what the thorough one says."""

from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from router.operations.chat import parse_chat
from router.protocols.spellings import OPENAI
from router.protocols.told import told
from router.protocols.usage import believed, read_usage

COUNTS = st.one_of(st.integers(-1, 9), st.sampled_from([None, True, 1.0, "1", 2**31, {}]))
DETAILS = st.one_of(
    st.none(),
    st.just([]),
    st.dictionaries(
        st.sampled_from(
            [
                *("cached_tokens", "cache_write_tokens", "reasoning_tokens", "audio_tokens"),
                *("image_tokens", "video_tokens", "cache_creation_tokens", "text_tokens"),
                *("rejected_prediction_tokens", "audio"),
            ]
        ),
        COUNTS,
        max_size=4,
    ),
)
USAGES = st.fixed_dictionaries(
    {},
    optional={
        "prompt_tokens": COUNTS,
        "completion_tokens": COUNTS,
        "total_tokens": COUNTS,
        "prompt_tokens_details": DETAILS,
        "completion_tokens_details": DETAILS,
        "cached_tokens": COUNTS,
        "prompt_cache_hit_tokens": COUNTS,
    },
)
SUMS = st.tuples(st.integers(0, 9), st.integers(0, 9), DETAILS, DETAILS)


def agree(usage: dict[str, Any], most: int) -> None:
    body = {"model": "a", "max_tokens": most, "messages": [{"role": "user", "content": "x"}]}
    ask = parse_chat(orjson.dumps(body))
    assert read_usage(usage, ask) == believed(told(usage, OPENAI), ask)


@given(usage=USAGES, most=st.integers(1, 9))
def test_whatever_a_server_tells_is_read_alike(usage: dict[str, Any], most: int) -> None:
    agree(usage, most)


@given(sums=SUMS, most=st.integers(1, 9))
def test_counts_that_add_up_are_read_alike_whatever_their_details(
    sums: tuple[int, int, Any, Any], most: int
) -> None:
    prompt, completion, said, spoken = sums
    counts = {"prompt_tokens": prompt, "completion_tokens": completion}
    details = {"prompt_tokens_details": said, "completion_tokens_details": spoken}
    agree({**counts, "total_tokens": prompt + completion, **details}, most)
