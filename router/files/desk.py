"""What the services of files and batches share: who asks, whose account, and what is there.

Every question names the organization that asks. What it does not own is not there, whether another
one owns it or nobody: the same 404.
"""

import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import orjson

from policies.value import value
from router.backends.backend import Backend
from router.backends.dispatch.account import Account
from router.domain import Principal
from router.errors import BadRequest, LimitExceeded, NotFound, PermissionDenied
from router.files.family import FAMILIES, Family
from router.pipeline.serving import Serving
from router.protocols.headers import Fields, of_request
from router.stored.owned import NoRoom, Owned, OwnedKind, OwnedState
from router.stored.registry import Registry
from router.world.config_kept import BatchSection, FileSection
from router.world.offered import members, offering

_ID: Final = re.compile(r"[A-Za-z0-9_\-][A-Za-z0-9_.:~\-]{0,199}")
_SHOWN: Final = 80  # characters of an id
_NOT_WITH_OWN: Final = (
    "Your organization asks the backend {0} with a credential of its own, and {1} are kept here in"
    " the operator's account alone. Ask the provider for them, or have the credential removed."
)


class HasAccounts(Protocol):
    """Who knows the accounts of backends: the dispatcher."""

    def account(self, backend: Backend) -> Account:
        """Return the account of a backend."""


@value
class Asker:
    """Who asks, in the words of which family of servers, and with which headers."""

    principal: Principal
    family: Family
    fields: Fields
    request_id: str = ""

    @property
    def organization(self) -> str:
        """Whose files and batches it asks for."""
        return self.principal.organization

    def values(self, names: Iterable[str]) -> Mapping[str, str]:
        """Return those of its headers that were sent, by their names in lower case."""
        pairs = ((name, self.fields.get(name.encode("latin-1", "replace"))) for name in names)
        return {name: value.decode("latin-1") for name, value in pairs if value is not None}

    def headers(self) -> tuple[tuple[str, str], ...]:
        """Those of its headers that belong to the protocol."""
        return of_request(self.family.headers, self.fields)


def asker_of(principal: Principal, family: str, fields: Fields, request_id: str = "") -> Asker:
    """Return who asks in the words of a family."""
    return Asker(principal, FAMILIES[family], fields, request_id)


@dataclass(frozen=True, slots=True)
class Desk:
    """The collaborators. `serving` has the world in force."""

    serving: Serving
    registry: Registry
    accounts: HasAccounts
    files: FileSection
    batches: BatchSection

    def offering(self, asker: Asker, offer: str) -> Backend:
        """The backend in whose account that is kept. Raises NotFound, PermissionDenied."""
        world = self.serving.snapshot
        backend = offering(world.backends.values(), asker.family.name, offer)
        if backend is None:
            raise _not_found(
                f"This gateway keeps no {offer} of this kind: no backend of its operator offers"
                f" them (`offers: [{offer}]`)."
            )
        if backend.name in self.own(asker.principal):
            raise PermissionDenied(_NOT_WITH_OWN.format(backend.name, offer))
        visible = world.visible(asker.principal)
        if self.members(backend, asker.principal).isdisjoint(visible):
            raise PermissionDenied(f"Your tier may not use the backend that keeps {offer}.")
        return backend

    def members(self, backend: Backend, principal: Principal) -> frozenset[str]:
        """The names of all backends in one account of the operator's, as far as this customer asks
        them with that."""
        every = members(self.serving.snapshot.backends.values(), backend)
        return every - self.own(principal)

    def own(self, principal: Principal) -> frozenset[str]:
        """The names of the backends that this customer asks with a credential of its own."""
        world = self.serving.world_of(principal)
        if not world.owned:
            return frozenset()
        return frozenset([each.name for each in world.backends.values() if each.own is not None])

    def account_of(self, owned: Owned) -> Account:
        """The account that something is in. Raises NotFound where its backend is gone."""
        backend = self.serving.snapshot.backends.get(owned.backend)
        if backend is None:
            raise _not_found(f"The backend that keeps this {owned.kind} is no longer here.")
        return self.accounts.account(backend)

    async def owned(self, asker: Asker, kind: OwnedKind, id_: str) -> Owned:
        """Return what the organization has by this id. Raises NotFound, Unavailable."""
        if _ID.fullmatch(id_):
            of, family = asker.organization, asker.family.name
            found = await self.registry.ask(
                lambda store: store.get(of, family, kind, id_), customer=of
            )
            if found is not None:
                return found
        raise self.missing(asker, kind, id_)

    def pending(
        self, asker: Asker, backend: Backend, kind: OwnedKind, *, size: int = 0, bound: bytes = b""
    ) -> Owned:
        """What is noted of something before its server made it."""
        return Owned(
            f"pending-{secrets.token_hex(16)}",
            asker.family.name,
            backend.name,
            asker.organization,
            kind,
            OwnedState.PENDING,
            self.registry.now(),
            size,
            bound,
        )

    async def begin(self, pending: Owned, *, most: int, room: int | None = None) -> None:
        """Note what is about to be made. Raises LimitExceeded where the organization has as much
        as it may have, Unavailable."""
        try:
            await self.registry.ask(
                lambda store: store.begin(pending, most=most, room=room),
                customer=pending.organization,
            )
        except NoRoom as error:
            raise LimitExceeded(
                f"Your organization has as much as it may have here: {error}. Delete what is no"
                " longer needed, or wait for what runs.",
                type_="insufficient_quota",
                code="insufficient_quota",
                headers=(("x-should-retry", "false"),),
            ) from None

    def missing(self, asker: Asker, kind: OwnedKind, id_: str) -> NotFound:
        """What a client is told of an id that is not its own."""
        shown = id_[:_SHOWN].encode("ascii", "replace").decode()
        return _not_found(asker.family.missing.format(kind=kind.capitalize(), id=shown))


def _not_found(message: str) -> NotFound:
    error = NotFound(message)
    error.code = None
    return error


def shown(raw: bytes) -> dict[str, Any]:
    """What a server shows of a file or batch: a JSON object with its id, else an empty one."""
    try:
        told = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return {}
    return told if isinstance(told, dict) and _is_id(told.get("id")) else {}


def read_json(raw: bytes, needed: Sequence[str]) -> dict[str, Any]:
    """A client's body that has these members. Raises BadRequest."""
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise BadRequest("The body is not JSON.") from None
    if not isinstance(body, dict):
        raise BadRequest("The body is not a JSON object.")
    for name in needed:
        if name not in body:
            raise BadRequest(f"Missing required parameter: '{name}'.", param=name)
    return body


def _is_id(given: Any) -> bool:
    return isinstance(given, str) and _ID.fullmatch(given) is not None
