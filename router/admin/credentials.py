"""Credentials of administrators."""

from typing import Annotated, Final

from fastapi import Path, Query
from pydantic import Field

from router.admin.call import Answer, Call, Calling, stale
from router.admin.models import Given, Instant, Name, Page, Told, instant, maybe_instant
from router.admin.pages import PageQuery, page, place_of
from router.admin.problems import not_found, unprocessable
from router.admin.routing import AdminRoutes
from router.auth.credentials import StoredCredential
from router.auth.roles import Role

routes: Final = AdminRoutes("credentials")
_KIND: Final = "credentials"
_PATH: Final = "/credentials/{credential}"
Id = Annotated[str, Path(pattern=r"^adm_[0-9a-f]{16}$")]


class CredentialQuery(PageQuery):
    """Which credentials."""

    organization: Name | None = None


class NewCredential(Given):
    """A credential to make. Without `organization` it is for all of them."""

    name: Name
    role: Annotated[Role, Field(strict=False)]
    organization: Name | None = None
    expires_at: Instant | None = None


class Credential(Told):
    """A credential, without what it is shown by."""

    credential: str
    name: str
    role: str
    organization: str | None
    created_at: str
    created_by: str
    expires_at: str | None
    revoked_at: str | None


class CreatedCredential(Credential):
    """A fresh credential. `secret` is shown here and never again."""

    secret: str


def _document(row: StoredCredential) -> Credential:
    return Credential(
        credential=row.credential,
        name=row.name,
        role=row.role,
        organization=row.organization,
        created_at=instant(row.created_at),
        created_by=row.created_by,
        expires_at=maybe_instant(row.expires_at),
        revoked_at=maybe_instant(row.revoked_at),
    )


def _found(call: Call, credential: str) -> StoredCredential:
    row = call.parts.stores.credentials.get(credential)
    if row is None or not call.who.sees(row.organization):
        raise not_found(f"credential {credential!r}")
    return row


@routes.serve("POST", "/credentials", "credentials.change", CreatedCredential, status=201)
def create_credential(call: Calling, body: NewCredential) -> Answer:
    """Make a credential for an administrator. Its secret is shown once.

    Within one organization, an owner makes credentials for that organization alone.
    """
    if not call.who.sees(body.organization):
        told = f"this credential makes others for {call.who.organization!r} alone"
        raise unprocessable("organization", told)
    with call.change("credentials.create", "credentials", body.organization) as told_:
        secret, row = call.parts.stores.credentials.create(
            body.name,
            body.role,
            body.organization,
            expires_at=body.expires_at,
            by=call.who.name,
        )
        document = _document(row)
        told_.target = f"credentials/{row.credential}"
        told_.after = document.model_dump()
    created = CreatedCredential(**document.model_dump(), secret=secret)
    return Answer(created, 201, row.version, f"/admin/v1/credentials/{row.credential}")


@routes.serve("GET", "/credentials", "credentials.read", Page[Credential])
def list_credentials(call: Calling, asked: Annotated[CredentialQuery, Query()]) -> Answer:
    """Every credential ever made, oldest first."""
    rows = call.parts.stores.credentials.page(
        call.scope(asked.organization), place_of(_KIND, asked.cursor, (int, str)), asked.limit + 1
    )
    shown, following = page(_KIND, rows, asked.limit, lambda row: (row.created_at, row.credential))
    return Answer(Page[Credential](items=[_document(row) for row in shown], next_cursor=following))


@routes.serve("GET", _PATH, "credentials.read", Credential)
def get_credential(call: Calling, credential: Id) -> Answer:
    """One credential."""
    row = _found(call, credential)
    return Answer(_document(row), version=row.version)


@routes.serve("DELETE", _PATH, "credentials.change", Credential)
def revoke_credential(call: Calling, credential: Id) -> Answer:
    """Revoke a credential for good; the answer to one that is revoked is the same."""
    row = _found(call, credential)
    expected = call.expect(row.version)
    if row.revoked_at is not None:
        return Answer(_document(row), version=row.version)
    with call.change("credentials.revoke", f"credentials/{credential}", row.organization) as told:
        if not call.parts.stores.credentials.revoke(credential, expected):
            raise stale()
        after = _found(call, credential)
        told.before, told.after = _document(row).model_dump(), _document(after).model_dump()
    return Answer(_document(after), version=after.version)
