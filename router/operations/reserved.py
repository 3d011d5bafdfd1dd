"""Paths that are the gateway's own: an operator may declare none that could mean one of them."""

from typing import Final

from router.operations.declared import overlapping
from router.operations.paths import ROUTES

# At these and below them: what is no row of an operation.
BELOW: Final = (
    *("/openai", "/v1/models", "/models", "/v1/v1", "/v1beta/models"),
    *("/v1/responses", "/responses", "/v1/conversations", "/conversations"),
    *("/v1/limits", "/limits", "/v1/usage", "/usage"),
    *("/v1/chat", "/chat", "/health", "/livez", "/readyz", "/metrics"),
)


def reserved_by(path: str) -> str | None:
    """The path of the gateway's own that a declared one could mean, None where there is none."""
    segments = path.split("/")
    for below in BELOW:
        if overlapping("/".join(segments[: below.count("/") + 1]), below):
            return below
    own = (route.decode() for route in ROUTES if not route.endswith(b"/"))
    return next((route for route in own if overlapping(path, route)), None)
