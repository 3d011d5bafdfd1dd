"""Every counter of use that a price list can price: one row each, with its meaning.

Tokens are counted in two totals, input and output, and in parts of them that may cost something
else: what was read from a cache, what was written to one, sound, pictures, thoughts. A part costs
what its `part_of` costs where no price says more. Fees are counted beside the tokens, in the units
of `router.units`.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

# So many tokens of each part, by name: each stands once, none is zero.
Parts = tuple[tuple[str, int], ...]

INPUT: Final = "input"
OUTPUT: Final = "output"
CACHED: Final = "cached_input"
WRITTEN: Final = "cache_write"

WRITTEN_1H: Final = "cache_write_1h"
CACHED_AUDIO: Final = "cached_audio"
CACHED_IMAGE: Final = "cached_image"
CACHED_VIDEO: Final = "cached_video"
AUDIO_IN: Final = "audio_input"
IMAGE_IN: Final = "image_input"
VIDEO_IN: Final = "video_input"
REASONING: Final = "reasoning"
AUDIO_OUT: Final = "audio_output"
IMAGE_OUT: Final = "image_output"
VIDEO_OUT: Final = "video_output"
CITATION: Final = "citation"


class Counter(NamedTuple):
    """A counter of tokens: what it is a part of, and what it counts."""

    part_of: str
    meaning: str


# The totals come first; a part follows what it is a part of.
TOKENS: Final[Mapping[str, Counter]] = MappingProxyType(
    {
        INPUT: Counter("", "tokens of the prompt"),
        OUTPUT: Counter("", "tokens of the answer"),
        CACHED: Counter(INPUT, "read from the provider's cache"),
        WRITTEN: Counter(INPUT, "written to the provider's cache"),
        WRITTEN_1H: Counter(WRITTEN, "written to a cache that keeps them for an hour"),
        AUDIO_IN: Counter(INPUT, "sound in the prompt"),
        IMAGE_IN: Counter(INPUT, "pictures in the prompt"),
        VIDEO_IN: Counter(INPUT, "film in the prompt"),
        CACHED_AUDIO: Counter(CACHED, "sound read from a cache"),
        CACHED_IMAGE: Counter(CACHED, "pictures read from a cache"),
        CACHED_VIDEO: Counter(CACHED, "film read from a cache"),
        REASONING: Counter(OUTPUT, "the model's thoughts"),
        AUDIO_OUT: Counter(OUTPUT, "sound in the answer"),
        IMAGE_OUT: Counter(OUTPUT, "pictures in the answer"),
        VIDEO_OUT: Counter(OUTPUT, "film in the answer"),
        CITATION: Counter(OUTPUT, "what a search model cites"),
    }
)
# Those that `Usage.parts` may hold: the others are fields of their own.
PARTS: Final = frozenset(TOKENS) - {INPUT, OUTPUT, CACHED, WRITTEN, REASONING}


def root_of(counter: str) -> str:
    """The total that a counter's tokens are a part of."""
    whole = TOKENS[counter].part_of
    return root_of(whole) if whole else counter


def fitted(parts: Iterable[tuple[str, int | None]], room: Mapping[str, int]) -> Parts:
    """The parts that are told and not zero, none larger than what is left of its whole.

    `room` is how many tokens there are of what each is a part of.
    """
    left = dict(room)
    kept = []
    for name, told in parts:
        whole = TOKENS[name].part_of
        some = min(told or 0, left[whole])
        if some > 0:
            left[whole] -= some
            kept.append((name, some))
    return tuple(kept)


def summed(parts: Iterable[tuple[str, int]]) -> Parts:
    """Several answers' parts as one's."""
    sums: dict[str, int] = {}
    for name, tokens in parts:
        sums[name] = sums.get(name, 0) + tokens
    return tuple(sums.items())
