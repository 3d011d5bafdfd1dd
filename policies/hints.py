"""A request's own wishes: `x-turnout-*` headers -> Hints, strictly."""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from policies.language.document import NAME_PATTERN
from policies.money import to_pico
from policies.signals import NO_HINTS, Hints

_NAME: Final = re.compile(NAME_PATTERN)
_NUMBER: Final = re.compile(r"[0-9]{1,12}(\.[0-9]{1,12})?|\.[0-9]{1,12}")
_MOST: Final = 32


class HintError(ValueError):
    """A hint has a wrong value; `header` is its name, the text is for the client."""

    def __init__(self, header: str, message: str) -> None:
        super().__init__(f"{header}: {message}")
        self.header = header


def parse_hints(headers: Mapping[str, str]) -> Hints:
    """Read the hints among `headers` (names in lower case). Raises HintError."""
    found: dict[str, Any] = {}
    for header, (name, read) in HEADERS.items():
        value = headers.get(header)
        if value is not None:
            try:
                found[name] = read(value.strip())
            except ValueError as error:
                raise HintError(header, str(error)) from None
    return Hints(**found) if found else NO_HINTS


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError("must be the name of a route")
    return value


def _names(value: str) -> tuple[str, ...]:
    names = tuple(part.strip() for part in value.split(","))
    if len(names) > _MOST or not all(_NAME.fullmatch(name) for name in names):
        raise ValueError(f"must be names of backends, separated by commas, {_MOST} at most")
    return names


def _probability(value: str) -> float:
    if not _NUMBER.fullmatch(value) or not 0.0 <= float(value) <= 1.0:
        raise ValueError("must be a number from 0 to 1")
    return float(value)


def _usd(value: str) -> int:
    if not _NUMBER.fullmatch(value) or math.isinf(float(value)):
        raise ValueError("must be an amount in USD, such as 0.002")
    try:
        return to_pico(value)
    except ValueError as error:
        raise ValueError(f"{error}") from None


HEADERS: Final[Mapping[str, tuple[str, Callable[[str], Any]]]] = {
    "x-turnout-route": ("route", _name),
    "x-turnout-min-success": ("min_success", _probability),
    "x-turnout-max-cost-usd": ("max_cost_pico", _usd),
    "x-turnout-exclude": ("exclude", _names),
}
