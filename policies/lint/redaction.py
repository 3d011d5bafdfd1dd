"""Routes that send on as it came what another route redacts for the same backend."""

from collections.abc import Iterator

from policies.findings import Finding
from policies.language.document import RedactDoc, RouteDoc
from policies.policy import Policy


def unredacted_routes(policy: Policy) -> Iterator[Finding]:
    """A route that may send requests unredacted to a backend for which another redacts them; and
    `redact` that spares every candidate."""
    redacted: dict[str, str] = {}
    for name, route in policy.document.routes.items():
        for backend in _redacted(route):
            redacted.setdefault(backend, name)
    for name, route in policy.document.routes.items():
        if route.redact is not None and not _redacted(route):
            yield policy.source.warning(
                ("routes", name, "redact"),
                "`redact` has no effect: it spares every candidate",
                "take one out of `except`, or remove it",
                rule="no-effect",
            )
        away = [each for each in route.candidates if each in redacted and not _redacted(route)]
        if away and not any(rule.redact is not None for rule in route.rules):
            yield policy.source.warning(
                ("routes", name),
                f"requests reach {', '.join(away)} here as they came, though `{redacted[away[0]]}`"
                " redacts them",
                "add `redact:` here too",
                rule="private-leak",
            )


def _redacted(route: RouteDoc) -> list[str]:
    """The candidates for which a route redacts, whatever the request."""
    doc: RedactDoc | None = route.redact
    if doc is None:
        return []
    return [name for name in route.candidates if name not in (doc.except_ or ())]
