"""Who asks a deployment, and for what kind of thing: by whom its failures are shared out."""

from typing import Final, NamedTuple

from router.ask import Ask

_SIZES: Final = (4_000, 64_000, 1_000_000)  # bytes of text: where one size of request ends
_PIECE: Final = 10_000  # characters of a long text
_NAMED: Final = frozenset(
    ("tools", "json_schema", "vision", "audio", "files", "logprobs", "tokens")
)


class Voice(NamedTuple):
    """Who asks, and what kind of request."""

    customer: str
    kind: str


def kind_of(ask: Ask) -> str:
    """The kind of a request: its operation, the features it needs, and its size."""
    size = sum(ask.text_bytes > end for end in _SIZES)
    features = {one if one in _NAMED else one.partition(":")[0] for one in ask.features}
    return " ".join([ask.operation, *sorted(features), f"size{size}"])


def subject_of(ask: Ask) -> int:
    """What a request is about, to tell requests apart that fail alike: no text can be had of it.

    Of a long text its length, beginning, middle and end say it: others wait meanwhile.
    """
    text = ask.prompt.last_text
    if len(text) <= 3 * _PIECE:
        return hash((text, ask.media))
    middle = len(text) // 2
    pieces = text[:_PIECE], text[middle : middle + _PIECE], text[-_PIECE:]
    return hash((len(text), *pieces, ask.media))
