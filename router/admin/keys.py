"""Keys of customers: made, looked at, changed, rotated, revoked. A key is shown once."""

from typing import Annotated, Final

from fastapi import Query

from router.admin.call import Answer, Call, Calling
from router.admin.customer_models import CreatedKey, Key, KeyChange, NewKey, Rotation
from router.admin.customers import changes_of, key_document
from router.admin.models import Name, Page
from router.admin.organizations import existing
from router.admin.pages import PageQuery, page, place_of
from router.admin.paths import path_of
from router.admin.problems import not_found
from router.admin.routing import AdminRoutes
from router.customers.records import StoredKey

routes: Final = AdminRoutes("keys")
_KIND: Final = "keys"
_ALL: Final = "/organizations/{organization}/keys"
_PATH: Final = f"{_ALL}/{{key_id}}"


class KeyQuery(PageQuery):
    """Which keys: of a team; `working`: only those that are neither revoked nor expired."""

    team: Name | None = None
    working: bool = False


def _existing(call: Call, organization: str, key_id: str) -> StoredKey:
    row = call.parts.stores.keys.get(key_id)
    if row is None or row.organization != organization:
        raise not_found(f"key {key_id!r} of organization {organization!r}")
    return row


def _target(organization: str, key_id: str) -> str:
    return f"organizations/{organization}/keys/{key_id}"


def _created(key: str, row: StoredKey) -> Answer:
    document = CreatedKey(**key_document(row).model_dump(), key=key)
    where = path_of("organizations/{}/keys/{}", row.organization, row.key_id)
    return Answer(document, 201, row.version, where)


@routes.serve("POST", _ALL, "keys.change", CreatedKey, status=201)
def create_key(call: Calling, organization: str, body: NewKey) -> Answer:
    """Make a key of a customer. `key` is shown in this answer and never again."""
    with call.change("keys.create", _target(organization, ""), organization) as told:
        key, row = call.parts.stores.keys.add(
            organization, **changes_of(call, body), created_by=call.who.name
        )
        told.target = _target(organization, row.key_id)
        told.after = key_document(row).model_dump()
    return _created(key, row)


@routes.serve("GET", _ALL, "keys.read", Page[Key])
def list_keys(call: Calling, organization: str, asked: Annotated[KeyQuery, Query()]) -> Answer:
    """Every key that a customer ever had, oldest first."""
    existing(call, organization)
    place = place_of(_KIND, asked.cursor, (str,))
    rows = call.parts.stores.keys.page(
        organization,
        None if place is None else place[0],
        asked.limit + 1,
        team=asked.team,
        working=asked.working,
    )
    shown, following = page(_KIND, rows, asked.limit, lambda row: (row.key_id,))
    return Answer(Page[Key](items=[key_document(row) for row in shown], next_cursor=following))


@routes.serve("GET", _PATH, "keys.read", Key)
def get_key(call: Calling, organization: str, key_id: str) -> Answer:
    """One key, without the key itself."""
    row = _existing(call, organization, key_id)
    return Answer(key_document(row), version=row.version)


@routes.serve("PATCH", _PATH, "keys.change", Key)
def change_key(call: Calling, organization: str, key_id: str, body: KeyChange) -> Answer:
    """Change what is given, and nothing else; null takes it away."""
    with call.change("keys.change", _target(organization, key_id), organization) as told:
        before = _existing(call, organization, key_id)
        after = call.parts.stores.keys.change(
            key_id, call.expect(before.version), **changes_of(call, body)
        )
        told.before, told.after = (
            key_document(before).model_dump(),
            key_document(after).model_dump(),
        )
    return Answer(key_document(after), version=after.version)


@routes.serve("POST", f"{_PATH}/rotate", "keys.change", CreatedKey, status=201)
def rotate_key(call: Calling, organization: str, key_id: str, body: Rotation) -> Answer:
    """Make a key that takes the place of this one, which goes on to work for `overlap`.

    The new key is all that the old one was; `key` is shown in this answer and never again.
    """
    with call.change("keys.rotate", _target(organization, key_id), organization) as told:
        before = _existing(call, organization, key_id)
        key, row = call.parts.stores.keys.rotate(key_id, body.overlap_ms, created_by=call.who.name)
        told.before = key_document(before).model_dump()
        told.after = {
            "old": key_document(_existing(call, organization, key_id)).model_dump(),
            "new": key_document(row).model_dump(),
        }
    return _created(key, row)


@routes.serve("DELETE", _PATH, "keys.change", Key)
def revoke_key(call: Calling, organization: str, key_id: str) -> Answer:
    """Revoke a key for good; its row stays. The answer to one that is revoked is the same."""
    before = _existing(call, organization, key_id)
    expected = call.expect(before.version)
    if before.revoked_at is not None:
        return Answer(key_document(before), version=before.version)
    with call.change("keys.revoke", _target(organization, key_id), organization) as told:
        call.parts.stores.keys.revoke(key_id, expected)
        after = _existing(call, organization, key_id)
        told.before, told.after = (
            key_document(before).model_dump(),
            key_document(after).model_dump(),
        )
    return Answer(key_document(after), version=after.version)
