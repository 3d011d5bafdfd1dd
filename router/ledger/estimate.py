"""What a request may use, before it runs: it sizes the hold. Arithmetic only, never a tokenizer.

A tokenizer on the event loop stalls everybody; most prompts take a token for more than three bytes.
This is what routing goes by; the hold covers those that take more (`router.pipeline.held_prompt`),
and settling refunds what was too much.
"""

from array import array
from bisect import bisect_left, insort
from typing import Final, Literal

from router.ask import NO_MEDIA, Media
from router.ledger.thoughts import ThoughtHistory

Way = Literal["worst", "expected", "chunk"]
_BYTES_PER_TOKEN: Final = 3
# Of what is not text. A part: a high-detail image of four tiles, as OpenAI counts it.
_TOKENS_PER_IMAGE: Final = 1_105
# An image of many pixels, as Anthropic counts it: one for 750 of them, at most as many as those of
# its models take that see most finely.
_PIXELS_PER_TOKEN: Final = 750
_MOST_PER_IMAGE: Final = 4_784
_TOKENS_PER_SECOND: Final = 32  # of sound, as Gemini counts; OpenAI counts about 10
# A page of a document, as Anthropic counts it: its text, 1,500 to 3,000, and an image of it.
_TOKENS_PER_PAGE: Final = 4_600
TOKENS_AROUND: Final = 16  # what a chat template adds
DEFAULT_OUTPUT: Final = 1_024
CHUNK: Final = 512
_LENGTHS_KEPT: Final = 64
_FEWEST_LENGTHS: Final = 8
_NO_LENGTHS: Final[tuple[tuple[int, ...], tuple[int, ...]]] = ((), ())
_PAIRS_KEPT: Final = 10_000


def estimate_tokens(text_bytes: int, images: int = 0, media: Media = NO_MEDIA) -> int:
    """What a prompt of words or code has at most, in tokens. `text_bytes` holds all text that the
    model will read, schemas of tools included; `images` is how many parts are not text, `media`
    what they are.
    """
    return -(-text_bytes // _BYTES_PER_TOKEN) + TOKENS_AROUND + (images and _parts(images, media))


def _parts(images: int, media: Media) -> int:
    return images * _TOKENS_PER_IMAGE + beyond_parts(media)


def beyond_parts(media: Media) -> int:
    """What the size of parts adds to the usual count of each: a bound from above."""
    images = media.images
    pixels = min(media.pixels // _PIXELS_PER_TOKEN, images * _MOST_PER_IMAGE)
    return (
        max(0, pixels - images * _TOKENS_PER_IMAGE)
        + media.audio_seconds * _TOKENS_PER_SECOND
        + media.pages * _TOKENS_PER_PAGE
    )


def estimate_output(
    *,
    cap: int | None,
    choices: int = 1,
    way: Way = "expected",
    expected: int = DEFAULT_OUTPUT,
    most: int | None = None,
) -> int:
    """The output tokens to hold for, reasoning included.

    `worst` holds for the most that a model may write (`most`), `expected` for what such requests
    have used (`expected`), `chunk` for the next 512 tokens only, topped up while the answer
    streams. `cap`, the larger of max_tokens and max_completion_tokens, only lowers that; where
    nobody knows the most (None), it is the most.
    """
    if way == "worst":
        one = max(expected, DEFAULT_OUTPUT, cap or 0) if most is None else most
    else:
        one = CHUNK if way == "chunk" else expected
    if cap is not None and cap < one:
        one = cap
    return one * max(1, choices)


class OutputHistory:
    """What the requests of a key to a model have used, for the `expected` way of estimating.

    Keeps the last 64 lengths of at most 10,000 pairs, in this process: a restart only makes the
    first estimates coarser. `thoughts` is what backends think beside what is seen of an answer.
    """

    def __init__(self) -> None:
        self.thoughts = ThoughtHistory()
        # By key and model: the lengths as they came, and the same in order. Kept in order, since
        # sorting them for every request would cost ten times as much; as arrays, since a deque
        # and a list take three times the memory.
        self._lengths: dict[tuple[str, str], tuple[array[int], array[int]]] = {}

    def observe(self, key: str, model: str, output_tokens: int) -> None:
        """Remember one answer's length."""
        known = self._lengths.get((key, model))
        if known is None:
            if len(self._lengths) >= _PAIRS_KEPT:
                self._lengths.pop(next(iter(self._lengths)))
            known = self._lengths[key, model] = (array("L"), array("L"))
        recent, ordered = known
        if len(recent) == _LENGTHS_KEPT:
            del ordered[bisect_left(ordered, recent.pop(0))]
        recent.append(output_tokens)
        insort(ordered, output_tokens)

    def expected(self, key: str, model: str) -> int:
        """The length that 95 of 100 answers stay under; the default until eight are known."""
        _, ordered = self._lengths.get((key, model), _NO_LENGTHS)
        known = len(ordered)
        return ordered[int(known * 0.95)] if known >= _FEWEST_LENGTHS else DEFAULT_OUTPUT
