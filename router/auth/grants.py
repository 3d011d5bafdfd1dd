"""Which role the groups of an identity provider give."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple

from router.auth.roles import Role

LONGEST: Final = 256  # characters of a group
_MOST_GROUPS: Final = 2_000


class Grant(NamedTuple):
    """Whoever is in this group administers in this role: all organizations, or one."""

    group: str
    role: Role
    organization: str | None = None


def granted(rows: Sequence[Grant], groups: Collection[str]) -> Grant | None:
    """Return the first row whose group is one of these; None where none fits."""
    return next((row for row in rows if row.group in groups), None)


def claim_of(claims: Mapping[str, Any], path: str) -> Any:
    """A claim by its path; a claim whose very name holds the dots goes before (URLs do)."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def groups_of(claims: Mapping[str, Any], path: str) -> frozenset[str]:
    """The groups that claims name: a list of words, or one word. What else stands there is none."""
    found = claim_of(claims, path)
    words = [found] if isinstance(found, str) else found if isinstance(found, list) else []
    return frozenset(
        word for word in words[:_MOST_GROUPS] if isinstance(word, str) and 0 < len(word) <= LONGEST
    )
