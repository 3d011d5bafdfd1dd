"""What the resources of customers share: bodies as the stores take them, rows as they are shown."""

from typing import Any, Final

from pydantic import BaseModel

from router.admin.call import Call
from router.admin.customer_models import Key, KeyLimits, Organization, Raise, Suspended, Team
from router.admin.models import instant, maybe_instant
from router.customers.records import StoredKey, StoredOrganization, StoredTeam

# What was agreed with a customer: credentials for one organization cannot change it.
AGREED: Final = frozenset({"tier", "limits", "tags"})


def changes_of(call: Call, body: BaseModel) -> dict[str, Any]:
    """The fields that were sent, by name. Raises PermissionDenied for those that were agreed,
    where the caller may not change them."""
    changes: dict[str, Any] = {}
    for name in body.model_fields_set:
        value = getattr(body, name)
        changes[name] = value.given if isinstance(value, KeyLimits) else value
    if AGREED & changes.keys():
        call.may("limits.change")
    return changes


def organization_document(row: StoredOrganization) -> Organization:
    """A customer as the API shows it."""
    suspended = None
    if row.suspended_at is not None:
        suspended = Suspended(at=instant(row.suspended_at), why=row.suspended_why or "")
    return Organization(
        organization=row.organization,
        tier=row.tier,
        timezone=row.timezone,
        billing_day=row.billing_day,
        tags=list(row.tags),
        limits=dict(row.limits),
        raised=[
            Raise(id=each.id, limits=dict(each.limits), until=instant(each.until))
            for each in row.raised
        ],
        suspended=suspended,
        created_at=instant(row.created_at),
        updated_at=instant(row.updated_at),
    )


def team_document(row: StoredTeam) -> Team:
    """A team as the API shows it."""
    return Team(
        organization=row.organization,
        team=row.team,
        parent=row.parent,
        tags=list(row.tags),
        limits=dict(row.limits),
        created_at=instant(row.created_at),
        updated_at=instant(row.updated_at),
    )


def key_document(row: StoredKey) -> Key:
    """A key as the API shows it."""
    return Key(
        key_id=row.key_id,
        organization=row.organization,
        name=row.name,
        team=row.team,
        tier=row.tier,
        tags=list(row.tags),
        expires_at=maybe_instant(row.expires_at),
        routes=None if row.routes is None else list(row.routes),
        models=None if row.models is None else list(row.models),
        limits=dict(row.limits),
        replaced_by=row.replaced_by,
        last_used_at=maybe_instant(row.last_used_at),
        created_at=instant(row.created_at),
        created_by=row.created_by,
        revoked_at=maybe_instant(row.revoked_at),
    )
