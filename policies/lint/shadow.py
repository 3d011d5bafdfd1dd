"""Routes whose answers `shadow` never audits, though it seems to."""

from collections.abc import Iterator

from policies.findings import Finding
from policies.language.document import RouteDoc, ShadowDoc
from policies.policy import Policy


def unaudited_routes(policy: Policy) -> Iterator[Finding]:
    """A route that is never audited, since `to` or `judge` is not among its candidates.

    One warning where that is so for every route. Routes of one backend, and those that say
    `shadow: "off"`, are not meant.
    """
    shadow = policy.document.shadow
    if shadow is None:
        return
    routes = policy.document.routes
    if not any(_audited(route, shadow) for route in routes.values()):
        yield policy.source.warning(
            ("shadow",),
            "no route is ever audited",
            "a route needs `to`, `judge` and a backend to audit among its candidates",
            rule="never-audited",
        )
        return
    for name, route in routes.items():
        missing = [each for each in (shadow.to, shadow.judge) if each not in route.candidates]
        if missing and len(route.candidates) > 1 and not _silent(route):
            yield policy.source.warning(
                ("routes", name, "candidates"),
                f"`{name}` is never audited: `{missing[0]}` of `shadow` is not a candidate",
                'add it, or say so by a rule with `shadow: "off"`',
                rule="never-audited",
            )


def _audited(route: RouteDoc, shadow: ShadowDoc) -> bool:
    copied = {shadow.to, shadow.judge} <= set(route.candidates) and len(route.candidates) > 1
    return copied and not _silent(route)


def _silent(route: RouteDoc) -> bool:
    """Whether a rule without a condition turns audits off."""
    return any(rule.shadow == "off" and rule.when in (None, "true") for rule in route.rules)
