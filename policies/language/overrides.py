"""What a document's settings replace of the terms in force, key by key."""

from typing import Any

from policies.language.document import CascadeDoc, RouteSettings, RuleDoc, Settings
from policies.language.terms import CascadeTerms


def overrides_of(settings: Settings) -> dict[str, Any]:
    """The keys that a document's settings replace."""
    overrides: dict[str, Any] = {}
    for key in ("objective", "failure_cost", "max_cost"):
        if (value := getattr(settings, key)) is not None:
            overrides[key] = value
    if settings.capable is not None:
        for key in ("min_success", "max_regret"):
            if (value := getattr(settings.capable, key)) is not None:
                overrides[key] = value
    if isinstance(settings, RouteSettings):
        overrides |= _route_overrides(settings)
    return overrides


def _route_overrides(settings: RouteSettings) -> dict[str, Any]:
    overrides: dict[str, Any] = {}
    if settings.when_unknown is not None:
        overrides["when_unknown"] = settings.when_unknown
    if settings.cascade is not None:
        overrides["cascade"] = (
            _cascade(settings.cascade) if isinstance(settings.cascade, CascadeDoc) else None
        )
    if settings.sticky is not None:
        overrides["sticky"] = settings.sticky == "conversation"
    if settings.weights is not None:
        overrides["weights"] = dict(settings.weights)
    if isinstance(settings, RuleDoc):
        if settings.fixed is not None:
            overrides |= {"objective": "fixed", "fixed": settings.fixed}
        if settings.shadow == "off":
            overrides["shadow"] = False
    return overrides


def _cascade(doc: CascadeDoc) -> CascadeTerms:
    return CascadeTerms(tuple(doc.verify), doc.max_steps, doc.verifier_cost or 0, doc.judge)
