"""The settings in force for one request, and how documents override them key by key."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, Final

from policies.language.document import CascadeDoc, RouteSettings, RuleDoc, Settings
from policies.value import value


@dataclass(frozen=True, slots=True)
class CascadeTerms:
    """A cascade that may be planned."""

    verify: tuple[str, ...]
    max_steps: int
    verifier_cost: int  # pico-USD for one answer
    judge: str | None = None


@value
class Terms:
    """What the objective works with. Money in pico-USD."""

    objective: str = "cheapest_capable"
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


def overrides_of(settings: Settings) -> dict[str, Any]:
    """The keys that a document's settings replace."""
    found: dict[str, Any] = {}
    for key in ("objective", "failure_cost", "max_cost"):
        if (value := getattr(settings, key)) is not None:
            found[key] = value
    if settings.capable is not None:
        for key in ("min_success", "max_regret"):
            if (value := getattr(settings.capable, key)) is not None:
                found[key] = value
    if isinstance(settings, RouteSettings):
        found |= _route_overrides(settings)
    return found


def _route_overrides(settings: RouteSettings) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if settings.when_unknown is not None:
        found["when_unknown"] = settings.when_unknown
    if settings.cascade is not None:
        found["cascade"] = (
            _cascade(settings.cascade) if isinstance(settings.cascade, CascadeDoc) else None
        )
    if settings.sticky is not None:
        found["sticky"] = settings.sticky == "conversation"
    if settings.weights is not None:
        found["weights"] = dict(settings.weights)
    if isinstance(settings, RuleDoc):
        if settings.fixed is not None:
            found |= {"objective": "fixed", "fixed": settings.fixed}
        if settings.shadow == "off":
            found["shadow"] = False
    return found


def _cascade(doc: CascadeDoc) -> CascadeTerms:
    return CascadeTerms(tuple(doc.verify), doc.max_steps, doc.verifier_cost or 0, doc.judge)
