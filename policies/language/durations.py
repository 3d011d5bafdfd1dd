"""Durations as documents and commands write them: a number with its unit."""

import re
from collections.abc import Mapping
from typing import Final

DURATION_HINT: Final = "write a number with its unit: 500ms, 2s, 1m"
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")
_SECONDS: Final[Mapping[str, float]] = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def seconds(text: str) -> float | None:
    """The seconds of a duration; None for what is none."""
    match = _DURATION.fullmatch(text)
    return None if match is None else float(match[1]) * _SECONDS[match[2]]
