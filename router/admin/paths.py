"""Paths of resources whose names hold what paths mean something by: a slash, a blank, a question.

Names of customers, teams and backends are any characters that print. In a path each is one segment,
percent-encoded (`emea%2Fsales`); a server decodes paths before routes are looked for, so a slash of
a name is kept apart from those between segments until the route is found.
"""

import re
from typing import Final
from urllib.parse import quote, unquote

from starlette.types import Scope

# For private use in Unicode: it does not print, so no name has it.
_SLASH: Final = "\ue000"
_ENCODED: Final = re.compile(b"%2f", re.IGNORECASE)


def routed(scope: Scope) -> Scope:
    """The scope of a request, whose path has slashes between segments alone."""
    raw = scope.get("raw_path") or b""
    if _ENCODED.search(raw) is None:
        return scope
    path = unquote(_ENCODED.sub(quote(_SLASH).encode(), raw).decode("ascii"))
    return {**scope, "path": path.removesuffix("/")}


def name_in(segment: str) -> str:
    """The name, or names, that a routed path has."""
    return segment.replace(_SLASH, "/")


def path_of(target: str, *names: str) -> str:
    """The path of a resource, its names encoded where `target` has `{}`."""
    return "/admin/v1/" + target.format(*(quote(name, safe="") for name in names))
