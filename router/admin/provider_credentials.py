"""Credentials of customers' own at providers: set and taken away, and never read back."""

from typing import Annotated, Final

from fastapi import Path
from pydantic import Field, SecretStr

from router.admin.call import Answer, Call, Calling
from router.admin.models import Given, Page, Told, instant, maybe_instant
from router.admin.organizations import existing
from router.admin.pages import Paging, page, place_of
from router.admin.problems import not_found, unprocessable
from router.admin.routing import AdminRoutes
from router.backends.backend import Backend
from router.backends.own import why_no_own
from router.customers.records import StoredCredential

routes: Final = AdminRoutes("provider credentials")
_KIND: Final = "provider_credentials"
_ALL: Final = "/organizations/{organization}/credentials"
_PATH: Final = "/organizations/{organization}/backends/{backend}/credential"
BackendName = Annotated[str, Path(min_length=1, max_length=128)]
Secret = Annotated[
    SecretStr,
    Field(
        strict=False,
        min_length=8,
        max_length=4096,
        description="What authorizes at the provider: printable ASCII, no spaces. Never shown.",
    ),
]


class NewProviderCredential(Given):
    """A credential to set. `fallback`: where its provider refuses it, or it is used up, requests go
    on with the operator's; else it is used alone."""

    secret: Secret
    fallback: bool = False


class ProviderCredential(Told):
    """A credential, without the credential itself. `fingerprint` tells two of one customer apart.
    `used` is false where turnout.yaml has no such backend any more."""

    organization: str
    backend: str
    fingerprint: str
    fallback: bool
    used: bool
    created_at: str
    updated_at: str
    updated_by: str
    last_used_at: str | None
    refused_at: str | None
    refused_why: str | None


def _document(call: Call, row: StoredCredential) -> ProviderCredential:
    return ProviderCredential(
        organization=row.organization,
        backend=row.backend,
        fingerprint=row.fingerprint,
        fallback=row.fallback,
        used=row.backend in call.parts.gateway.serving.snapshot.backends,
        created_at=instant(row.created_at),
        updated_at=instant(row.updated_at),
        updated_by=row.updated_by,
        last_used_at=maybe_instant(row.last_used_at),
        refused_at=maybe_instant(row.refused_at),
        refused_why=row.refused_why,
    )


def _found(call: Call, organization: str, backend: str) -> StoredCredential:
    row = call.parts.stores.provider_credentials.get(organization, backend)
    if row is None:
        raise not_found(f"credential of organization {organization!r} for backend {backend!r}")
    return row


def _fit(call: Call, name: str) -> Backend:
    """The backend of this name. Raises a 404, and a 422 where it takes no credential of others."""
    backend = call.parts.gateway.serving.snapshot.backends.get(name)
    if backend is None:
        raise not_found(f"backend {name!r}")
    why = why_no_own(backend)
    if why is not None:
        raise unprocessable("backend", why)
    return backend


def _target(organization: str, backend: str) -> str:
    return f"organizations/{organization}/backends/{backend}/credential"


@routes.serve("PUT", _PATH, "provider_credentials.change", ProviderCredential)
def set_provider_credential(
    call: Calling, organization: str, backend: BackendName, body: NewProviderCredential
) -> Answer:
    """Set what authorizes a customer's requests to a backend, in place of one that it had.

    Every gateway uses it within a second. It is encrypted where it is stored, and no answer, log or
    export has any part of it. `If-Match` is not needed, and is obeyed where it is sent.
    """
    stored, backend = call.parts.stores.provider_credentials, _fit(call, backend).name
    with call.change(
        "provider_credentials.set", _target(organization, backend), organization
    ) as told:
        existing(call, organization)
        before = stored.get(organization, backend)
        expected = None
        if call.if_match is not None:
            expected = call.expect(0 if before is None else before.version)
        after = stored.put(
            organization,
            backend,
            body.secret.get_secret_value(),
            fallback=body.fallback,
            by=call.who.name,
            expected=expected,
        )
        told.before = None if before is None else _document(call, before).model_dump()
        told.after = _document(call, after).model_dump()
    return Answer(_document(call, after), version=after.version)


@routes.serve("GET", _ALL, "provider_credentials.read", Page[ProviderCredential])
def list_provider_credentials(call: Calling, organization: str, asked: Paging) -> Answer:
    """The credentials of a customer's own, by backend."""
    existing(call, organization)
    place = place_of(_KIND, asked.cursor, (str,))
    after = None if place is None else place[0]
    rows = call.parts.stores.provider_credentials.page(organization, after, asked.limit + 1)
    shown, following = page(_KIND, rows, asked.limit, lambda row: (row.backend,))
    items = [_document(call, row) for row in shown]
    return Answer(Page[ProviderCredential](items=items, next_cursor=following))


@routes.serve("GET", _PATH, "provider_credentials.read", ProviderCredential)
def get_provider_credential(call: Calling, organization: str, backend: BackendName) -> Answer:
    """One credential: who set it and when, whether it is used, and how it was last refused."""
    row = _found(call, organization, backend)
    return Answer(_document(call, row), version=row.version)


@routes.serve("DELETE", _PATH, "provider_credentials.change", ProviderCredential)
def remove_provider_credential(call: Calling, organization: str, backend: BackendName) -> Answer:
    """Take a credential away: within a second requests go on with the operator's.

    What it made at the provider (files, batches) is out of reach until it is set again. The answer
    is what it was.
    """
    with call.change(
        "provider_credentials.remove", _target(organization, backend), organization
    ) as told:
        before = _found(call, organization, backend)
        call.parts.stores.provider_credentials.remove(
            organization, backend, call.expect(before.version)
        )
        told.before = _document(call, before).model_dump()
    return Answer(_document(call, before))
