"""A request's own wishes: `x-turnout-*` headers -> Hints, strictly; one row each."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, Final, NamedTuple

from policies.headers import (
    ASK_EXCLUDE,
    ASK_MAX_COST_USD,
    ASK_MIN_SUCCESS,
    ASK_ROUTE,
    REQUEST_HEADERS,
)
from policies.language.names import NAME_PATTERN
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
    wishes: dict[str, Any] = {}
    for hint in HINTS.values():
        value = headers.get(hint.header)
        if value is not None:
            try:
                wishes[hint.field] = hint.read(value.strip())
            except ValueError as error:
                raise HintError(hint.header, str(error)) from None
    return Hints(**wishes) if wishes else NO_HINTS


def given_hints(hints: Hints) -> list[str]:
    """Names of the hints that a request carries, as a tier's `hints` lists them."""
    return [
        name
        for name, hint in HINTS.items()
        if getattr(hints, hint.field) != getattr(NO_HINTS, hint.field)
    ]


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


class Hint(NamedTuple):
    """One row: the header, the field of Hints that it fills, and how its value is read."""

    header: str
    field: str
    read: Callable[[str], Any]


HINTS: Final[Mapping[str, Hint]] = {  # by the name that a tier's `hints` lists
    "route": Hint(ASK_ROUTE, "route", _name),
    "min_success": Hint(ASK_MIN_SUCCESS, "min_success", _probability),
    "max_cost": Hint(ASK_MAX_COST_USD, "max_cost_pico", _usd),
    "exclude": Hint(ASK_EXCLUDE, "exclude", _names),
}
if {hint.header for hint in HINTS.values()} != set(REQUEST_HEADERS):
    raise AssertionError("policies.headers and policies.hints name different request headers")
if {hint.field for hint in HINTS.values()} != {field.name for field in fields(Hints)}:
    raise AssertionError("policies.signals.Hints and policies.hints name different fields")
