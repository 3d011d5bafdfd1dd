"""Who may do what: the one table of rights.

A credential is for all organizations or for one. One for all acts for whoever sells; one for a
single organization acts for that customer: it keeps its teams, its keys and its own credentials at
providers, looks at its use, and can neither change what was agreed with it (tier, limits, tags,
credits, suspension) nor see others.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from router.auth.roles import Administrator, Role
from router.errors import PermissionDenied

_OWNER: Final = frozenset({Role.OWNER})
_OPERATORS: Final = _OWNER | {Role.OPERATOR}
_BOOKS: Final = _OWNER | {Role.BILLING}
_CHANGE: Final = _OPERATORS | {Role.BILLING}
_ALL: Final = frozenset(Role)
_NOBODY: Final[frozenset[Role]] = frozenset()


class Right(NamedTuple):
    """The roles that may, with a credential for all organizations, and with one for their own."""

    everywhere: frozenset[Role]
    within: frozenset[Role]


RIGHTS: Final[Mapping[str, Right]] = {
    "document.read": Right(_ALL, _ALL),
    "self.read": Right(_ALL, _ALL),
    "status.read": Right(_ALL, _NOBODY),
    "backends.read": Right(_ALL, _NOBODY),
    "policies.read": Right(_ALL, _NOBODY),
    "policies.reload": Right(_OPERATORS, _NOBODY),
    "usage.read": Right(_ALL, _ALL),
    "organizations.read": Right(_ALL, _ALL),
    "organizations.create": Right(_OPERATORS, _NOBODY),
    "organizations.change": Right(_OPERATORS, _NOBODY),
    "organizations.suspend": Right(_CHANGE, _NOBODY),
    "limits.change": Right(_OPERATORS, _NOBODY),
    "teams.read": Right(_ALL, _ALL),
    "teams.change": Right(_OPERATORS, _OPERATORS),
    "keys.read": Right(_ALL, _ALL),
    "keys.change": Right(_OPERATORS, _OPERATORS),
    "provider_credentials.read": Right(_ALL, _ALL),
    "provider_credentials.change": Right(_OPERATORS, _OPERATORS),
    "credits.read": Right(_ALL, _ALL),
    "credits.add": Right(_BOOKS, _NOBODY),
    "credentials.read": Right(_OWNER, _OWNER),
    "credentials.change": Right(_OWNER, _OWNER),
    "sessions.read": Right(_OWNER, _OWNER),
    "sessions.change": Right(_OWNER, _OWNER),
    "decisions.read": Right(_ALL, _ALL),
    "alerts.read": Right(_ALL, _NOBODY),
    "audit.read": Right(_OPERATORS, _OPERATORS),
    "audit.verify": Right(_OPERATORS, _NOBODY),
}
_ONE: Final = "This credential is for one organization; it may not do this."


def may(who: Administrator, action: str) -> bool:
    """Whether they may do this, as far as the role goes. Raises KeyError for what is no action."""
    right = RIGHTS[action]
    return who.role in (right.everywhere if who.organization is None else right.within)


def check(who: Administrator, action: str) -> None:
    """Raise PermissionDenied where they may not do this."""
    if may(who, action):
        return
    right = RIGHTS[action]
    if who.organization is not None and who.role in right.everywhere:
        raise PermissionDenied(_ONE)
    roles = right.everywhere if who.organization is None else right.within
    named = ", ".join(sorted(roles)) or "no role"
    raise PermissionDenied(f"The role {who.role} may not do this ({action}); it takes: {named}.")
