"""What a request may be charged for beyond fresh tokens, as its body tells it: for its hold."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from router.ask import Ask
from router.counters import AUDIO_IN, IMAGE_IN, VIDEO_IN, WRITTEN, WRITTEN_1H
from router.protocols.ahead import outline_of
from router.units import CODE_EXECUTION, FILE_SEARCH, SOCIAL_SEARCH, WEB_SEARCH, Units

# Members of a body that name a class of service, or ask for a search.
_TIERED: Final = ("inference_geo", "serviceTier", "service_tier", "speed")
_SEARCHES: Final = "web_search_options"
EXTRAS: Final = frozenset((*_TIERED, _SEARCHES))
HOSTED: Final = "hosted:"
# What the name of a hosted tool has in it, and the fee that each use of it costs.
_FEES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "x_search": SOCIAL_SEARCH,
        "file_search": FILE_SEARCH,
        "code_execution": CODE_EXECUTION,
        "code_interpreter": CODE_EXECUTION,
        "codeExecution": CODE_EXECUTION,
        "web_search": WEB_SEARCH,
        "google_search": WEB_SEARCH,
        "googleSearch": WEB_SEARCH,
    }
)
USES: Final = 10  # of a hosted tool, where the request sets no limit of its own
_CACHING: Final = b"cache_control"
_HOUR: Final = b'"1h"'


class Risks(NamedTuple):
    """`kinds` are counters that tokens of the prompt may fall under, `units` the fees of the hosted
    tools that are offered, `tier` the class of service that is asked for.
    """

    kinds: tuple[str, ...]
    units: Units
    tier: str | None


def offers_hosted(features: Iterable[str]) -> bool:
    """Whether a request offers tools that a provider runs itself."""
    return any(feature.startswith(HOSTED) for feature in features)


def asks_to_cache(ask: Ask) -> bool:
    """Whether the request marks parts of itself to be cached."""
    return _CACHING in outline_of(ask.raw, ask.members)


def risks_of(ask: Ask, *, writes: bool) -> Risks:
    """The risks of a request. `writes`: a provider may fill its cache unasked."""
    media = ask.media
    caching = asks_to_cache(ask)
    there = {
        AUDIO_IN: media.audio,
        IMAGE_IN: media.images,
        VIDEO_IN: media.videos,
        WRITTEN: writes or caching,
        WRITTEN_1H: caching and _HOUR in outline_of(ask.raw, ask.members),
    }
    kinds = tuple([name for name, is_there in there.items() if is_there])
    return Risks(kinds, ask.units + _fees(ask), _tier(ask.body))


def _tier(body: Mapping[str, Any]) -> str | None:
    """The class of service that a body asks for; several together."""
    asked = [body[name] for name in _TIERED if isinstance(body.get(name), str)]
    return "+".join(sorted(asked)).lower() or None


def _fees(ask: Ask) -> Units:
    """What the hosted tools may come to."""
    body = ask.body
    limits = dict(_limits(body.get("tools")))
    most = _uses(body.get("max_tool_calls"))
    held = {WEB_SEARCH: USES} if _SEARCHES in body else {}
    for feature in ask.features:
        kind = feature.removeprefix(HOSTED)
        if kind != feature:
            for word, fee in _FEES.items():
                if word in kind:
                    held[fee] = limits.get(kind) or most or USES
                    break
    return tuple(held.items())


def _limits(tools: Any) -> Iterable[tuple[str, int | None]]:
    """How often each hosted tool may be used, where its request says it."""
    for tool in tools if isinstance(tools, list) else ():
        if isinstance(tool, dict) and isinstance(tool.get("type"), str):
            yield tool["type"], _uses(tool.get("max_uses"))


def _uses(told: Any) -> int | None:
    return told if type(told) is int and 0 < told <= 1000 else None
