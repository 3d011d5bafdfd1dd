"""Roles of administrators, and who calls in one."""

from dataclasses import dataclass, field
from enum import StrEnum


class Role(StrEnum):
    """What an administrator is for. What each may do stands in `router.admin.rights`."""

    OWNER = "owner"
    OPERATOR = "operator"
    BILLING = "billing"
    VIEWER = "viewer"


@dataclass(frozen=True, slots=True)
class Administrator:
    """Who administers: an id that lasts, a name for people, a role, and within which organization
    (None: all). `secret` is what answers to them are sealed with; it is stored nowhere. `until`:
    when it ends, in milliseconds of Unix time, where it does. `session`: that of a person."""

    credential: str
    name: str
    role: Role
    organization: str | None = None
    secret: bytes = field(default=b"", repr=False)
    until: int | None = None
    session: str | None = None

    def sees(self, organization: str | None) -> bool:
        """Whether what belongs to this organization (None: to none) exists for them."""
        return self.organization is None or self.organization == organization
