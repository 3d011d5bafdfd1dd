"""The settings in force for one request."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, Final

from policies.redaction import Redaction
from policies.value import value


@dataclass(frozen=True, slots=True)
class CascadeTerms:
    """A cascade that may be planned."""

    verify: tuple[str, ...]
    max_steps: int
    verifier_cost: int  # pico-USD for one answer
    judge: str | None = None


DEFAULT_OBJECTIVE: Final = "cheapest_capable"


@value
class Terms:
    """What the objective works with. Money in pico-USD."""

    objective: str = DEFAULT_OBJECTIVE
    min_success: float | None = None  # None: only `max_regret` makes a backend capable
    max_regret: float = 0.0
    failure_cost: int = 0
    max_cost: int | None = None
    when_unknown: str | None = None
    fixed: str | None = None
    cascade: CascadeTerms | None = None
    sticky: bool = False
    weights: Mapping[str, int] | None = None
    shadow: bool = True
    redact: Redaction | None = None


_NAMES: Final = tuple(field.name for field in fields(Terms))
_ALL: Final = attrgetter(*_NAMES)
# Where the client named the backend nothing is left to choose.
NAMED: Final = {"objective": "fixed", "fixed": None, "weights": None, "sticky": False}
DEFAULT_CAPABLE: Final = {"min_success": 0.75, "max_regret": 0.05}


def with_overrides(base: Terms, overrides: Mapping[str, Any]) -> Terms:
    """`base` with some keys replaced."""
    if not overrides:
        return base
    return Terms(**{**dict(zip(_NAMES, _ALL(base), strict=True)), **overrides})
