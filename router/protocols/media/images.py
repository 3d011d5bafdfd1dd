"""The ways in which providers count the tokens of an image, each from above.

A way takes width and height in pixels (0 where nobody knows them), the detail asked for (low, high,
original, or empty) and the numbers of a row of `router/backends/media_rules.yaml`.
"""

from collections.abc import Callable, Mapping
from math import ceil
from types import MappingProxyType
from typing import Final

Numbers = Mapping[str, float]
Way = Callable[[int, int, str, Numbers], int]
_TILE, _FINEST, _SHORT = 512, 2048, 768
_MOST_TILES: Final = 8  # of 768 x 2048
_LARGEST_CROPPED: Final = 3072
_MOST_CROPS: Final = 24  # of 385 x 3072


def _tiles(width: int, height: int, detail: str, numbers: Numbers) -> int:
    count = _MOST_TILES
    if detail == "low":
        count = 0
    elif width:
        scale = min(1.0, _FINEST / max(width, height))
        scale *= min(1.0, _SHORT / (min(width, height) * scale))
        count = _squares(width * scale, height * scale, _TILE)
    return ceil(numbers["base"] + min(count, _MOST_TILES) * numbers["each"])


def _patches(width: int, height: int, detail: str, numbers: Numbers) -> int:
    side = numbers["side"]
    most = numbers.get("high", numbers["most"]) if detail == "high" else numbers["most"]
    count = _squares(width, height, side) if width else most
    rows = ceil(height / side) if numbers.get("rows") else 0
    return ceil(min(most, count + rows) * numbers["share"])


def _area(width: int, height: int, _detail: str, numbers: Numbers) -> int:
    most = ceil(numbers["most"])
    return min(most, ceil(width * height / numbers["pixels"])) if width else most


def _crops(width: int, height: int, _detail: str, numbers: Numbers) -> int:
    count = _MOST_CROPS
    if width:
        scale = min(1.0, _LARGEST_CROPPED / max(width, height))
        width, height = ceil(width * scale), ceil(height * scale)
        count = _squares(width, height, min(768, max(256, int(min(width, height) / 1.5))))
    return ceil(min(count, _MOST_CROPS) * numbers["each"])


def _flat(_width: int, _height: int, _detail: str, numbers: Numbers) -> int:
    return ceil(numbers["each"])


def _squares(width: float, height: float, side: float) -> int:
    """How many squares cover a picture; a scaled one is not rounded up by a trace."""
    return ceil(round(width / side, 6)) * ceil(round(height / side, 6))


WAYS: Final[Mapping[str, Way]] = MappingProxyType(
    {"tiles": _tiles, "patches": _patches, "area": _area, "crops": _crops, "flat": _flat}
)
