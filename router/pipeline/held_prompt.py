"""How many tokens a prompt may have at most: what is held for it until its backend has counted.

Routing and prices go by an estimate, a third of the text's bytes, which most prompts stay below. A
hold must cover the others too: digits, base64, rare scripts, images that a model sees finely.
"""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from router.ask import Ask
from router.backends.backend import Backend
from router.backends.media_rules import most_of_media
from router.ledger.estimate import TOKENS_AROUND, estimate_tokens
from router.ledger.text_weights import TOKEN, WEIGHTS, most_tokens, weigh
from router.protocols.ahead import LARGE, Outlined, outline_of, utf8_size

# Where the body says something in another way than the model reads it: escapes instead of
# characters, seals of providers on their own words. Such a body's texts are looked at one by one.
_ESCAPES: Final = b"\\u"
_SEAL, _SEALED = b'ignature"', b'"encrypted_'
_TOKENS: Final = "tokens"  # the feature of a request that holds a tokenizer's numbers
_SETTINGS: Final = "generationConfig"  # where Google's clients say their limit
USUAL_WINDOW: Final = 128_000  # tokens, where a backend's is not known
_USUAL_LIMIT: Final = "max_tokens"
_OTHER_LIMITS: Final = frozenset(("max_completion_tokens", "max_output_tokens", _SETTINGS))
_COMMA: Final = 2 * TOKEN  # what stands between members, and rounding
_AROUND_A_TEXT: Final = 8  # what a chat template puts around a message
_UNKNOWN: Final[Mapping[int, int]] = MappingProxyType({})  # weights of texts
_WORDS_ON_TOOLS: Final = 1_024  # of a server to its model: on tools at all, on each that it hosts


def most_input(
    ask: Ask, likely: int, backends: Mapping[str, Backend], candidates: Iterable[str]
) -> int:
    """The most tokens that the prompt may have at any candidate; `likely` is its estimate."""
    raw = ask.raw
    if ask.images or ask.tools or ask.features or ask.form or ask.declared is not None:
        return _most_of_parts(ask, likely, backends, candidates)
    seen = raw if len(raw) <= LARGE else outline_of(raw, ask.members)
    if _ESCAPES in seen or _SEAL in seen or _SEALED in seen:
        most = _most_of_texts(ask)
    else:
        most = _most_of_text(raw, ask)
    most += TOKENS_AROUND
    return most if most > likely else likely  # noqa: FURB136 # a call less: hot


def _most_of_parts(
    ask: Ask, likely: int, backends: Mapping[str, Backend], candidates: Iterable[str]
) -> int:
    """The same of what is not all text."""
    if ask.declared is not None or _TOKENS in ask.features:
        return likely
    raw = ask.raw
    seen = outline_of(raw, ask.members)
    if ask.images or ask.form or _ESCAPES in seen or _SEAL in seen or _SEALED in seen:
        most = _most_of_texts(ask) + TOKENS_AROUND
    else:
        most = _most_of_text(raw, ask) + TOKENS_AROUND
    if ask.tools:
        hosted = sum(feature.startswith("hosted:") for feature in ask.features)
        most += _WORDS_ON_TOOLS * (1 + hosted)
    if not ask.images:
        return max(likely, most)
    named = [backends[name] for name in candidates]
    models = [each.model for each in named]
    most = max(estimate_tokens(ask.text_bytes), most)
    most += most_of_media(ask.media, ask.images, models)
    return max(most, largest_window(named)) if ask.media.elsewhere else most


def _most_of_text(raw: bytes, ask: Ask) -> int:
    """All of the body, where a model reads it as it is: names of fields stand for a template."""
    known = ask.members.weight if type(ask.members) is Outlined else None
    weight = weigh(raw, WEIGHTS) if known is None else known
    if ask.max_output_tokens is not None:
        # Whoever says an output limit is held for no more than one who does not.
        usual = ask.members.get(_USUAL_LIMIT)
        if usual is None or not _OTHER_LIMITS.isdisjoint(ask.members):
            weight -= _words_on_limits(ask)
        else:
            weight -= weigh(raw[usual[0] : usual[2]], WEIGHTS) + _COMMA
    return -(-weight // TOKEN)


def _words_on_limits(ask: Ask) -> int:
    """What they weigh."""
    weight = 0
    for name in ask.members.keys() & {_USUAL_LIMIT, *_OTHER_LIMITS}:
        start, _, end = ask.members[name]
        if name != _SETTINGS or not ask.json_schema:
            weight += weigh(ask.raw[start:end], WEIGHTS) + _COMMA
    return weight


def _most_of_texts(ask: Ask) -> int:
    if ask.form:
        return ask.text_bytes
    known = ask.members.texts if type(ask.members) is Outlined else _UNKNOWN
    texts = ask.texts()
    size = most = 0
    for text in texts:
        weight = known.get(id(text))
        if weight is None:
            encoded = text.encode("utf-8", "surrogatepass")
            size += len(encoded)
            most += most_tokens(encoded)
        else:
            size += utf8_size(text)
            most += -(-weight // TOKEN)
    rest = max(0, ask.text_bytes - size)  # seals
    return most + _AROUND_A_TEXT * len(texts) + estimate_tokens(rest)


def largest_window(backends: Sequence[Backend]) -> int:
    """What a request may read at most whose input is kept where it goes: nobody here knows more."""
    windows = [backend.context_window for backend in backends]
    return max([USUAL_WINDOW if window is None else window for window in windows])
