"""Customers: made, looked at, changed, suspended, served again; and limits that are raised."""

from collections.abc import Callable
from typing import Annotated, Final

from fastapi import Query

from router.admin.call import Answer, Call, Calling
from router.admin.customer_models import (
    NewOrganization,
    NewRaise,
    Organization,
    OrganizationChange,
    Suspension,
)
from router.admin.customers import changes_of, organization_document
from router.admin.models import Name, Page
from router.admin.pages import PageQuery, page, place_of
from router.admin.paths import path_of
from router.admin.problems import not_found
from router.admin.routing import AdminRoutes
from router.customers.records import StoredOrganization

routes: Final = AdminRoutes("organizations")
_KIND: Final = "organizations"
_PATH: Final = "/organizations/{organization}"


class OrganizationQuery(PageQuery):
    """Which customers: of a tier, suspended or served, where that is asked for."""

    tier: Name | None = None
    suspended: bool | None = None


def existing(call: Call, organization: str) -> StoredOrganization:
    """The row of a customer. Raises a 404."""
    row = call.parts.stores.organizations.get(organization)
    if row is None:
        raise not_found(f"organization {organization!r}")
    return row


def _answer(row: StoredOrganization, status: int = 200) -> Answer:
    where = path_of("organizations/{}", row.organization) if status == 201 else None
    return Answer(organization_document(row), status, row.version, where)


def _changed(
    call: Call,
    action: str,
    organization: str,
    change: Callable[[StoredOrganization], StoredOrganization],
    status: int = 200,
) -> Answer:
    """Change a customer, with its row in the audit log."""
    with call.change(action, f"organizations/{organization}", organization) as told:
        before = existing(call, organization)
        after = change(before)
        told.before = organization_document(before).model_dump()
        told.after = organization_document(after).model_dump()
    return Answer(organization_document(after), status, after.version)


@routes.serve("POST", "/organizations", "organizations.create", Organization, status=201)
def create_organization(call: Calling, body: NewOrganization) -> Answer:
    """Make a customer. Its name is what limits, usage and invoices are kept by, and stays."""
    name = body.organization
    with call.change("organizations.create", f"organizations/{name}", name) as told:
        row = call.parts.stores.organizations.create(**changes_of(call, body))
        told.after = organization_document(row).model_dump()
    return _answer(row, 201)


@routes.serve("GET", "/organizations", "organizations.read", Page[Organization])
def list_organizations(call: Calling, asked: Annotated[OrganizationQuery, Query()]) -> Answer:
    """The customers, by name."""
    place = place_of(_KIND, asked.cursor, (str,))
    if call.who.organization is not None:
        own = call.parts.stores.organizations.get(call.who.organization)
        items = [] if own is None or place is not None else [organization_document(own)]
        return Answer(Page[Organization](items=items))
    rows = call.parts.stores.organizations.page(
        None if place is None else place[0],
        asked.limit + 1,
        tier=asked.tier,
        suspended=asked.suspended,
    )
    shown, following = page(_KIND, rows, asked.limit, lambda row: (row.organization,))
    items = [organization_document(row) for row in shown]
    return Answer(Page[Organization](items=items, next_cursor=following))


@routes.serve("GET", _PATH, "organizations.read", Organization)
def get_organization(call: Calling, organization: str) -> Answer:
    """One customer: its tier, what was agreed besides, and whether it is served."""
    return _answer(existing(call, organization))


@routes.serve("PATCH", _PATH, "organizations.change", Organization)
def change_organization(call: Calling, organization: str, body: OrganizationChange) -> Answer:
    """Change what is given, and nothing else; null takes it away.

    Another tier is in force at every gateway within a second. What was used stays used, and every
    key goes on to work.
    """
    store = call.parts.stores.organizations
    return _changed(
        call,
        "organizations.change",
        organization,
        lambda row: store.change(organization, call.expect(row.version), **changes_of(call, body)),
    )


@routes.serve("POST", f"{_PATH}/suspend", "organizations.suspend", Organization)
def suspend_organization(call: Calling, organization: str, body: Suspension) -> Answer:
    """Serve a customer no more: within a second its keys get 403 and the reason everywhere."""
    store = call.parts.stores.organizations
    return _changed(
        call,
        "organizations.suspend",
        organization,
        lambda _: store.suspend(organization, body.why),
    )


@routes.serve("POST", f"{_PATH}/resume", "organizations.suspend", Organization)
def resume_organization(call: Calling, organization: str) -> Answer:
    """Serve a customer again."""
    store = call.parts.stores.organizations
    return _changed(
        call, "organizations.resume", organization, lambda _: store.resume(organization)
    )


@routes.serve("POST", f"{_PATH}/raises", "limits.change", Organization, status=201)
def raise_limits(call: Calling, organization: str, body: NewRaise) -> Answer:
    """Let limits hold until a moment, then what held before comes back by itself.

    They stand in the place of the tier's and of the customer's own. Of several that hold at once
    the last one wins.
    """
    store = call.parts.stores.organizations
    return _changed(
        call,
        "limits.raise",
        organization,
        lambda _: store.raise_limits(organization, body.limits.given, body.until),
        201,
    )


@routes.serve("DELETE", f"{_PATH}/raises/{{raise_id}}", "limits.change", Organization)
def end_raise(call: Calling, organization: str, raise_id: str) -> Answer:
    """End a raise before its time. `If-Match` is of the customer."""
    store = call.parts.stores.organizations
    return _changed(
        call,
        "limits.end_raise",
        organization,
        lambda row: store.end_raise(organization, raise_id, call.expect(row.version)),
    )
