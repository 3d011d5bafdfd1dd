"""What customers see who have credentials of their own at providers: the world in force, with their
backends in the operator's places. Everything that goes by a world goes by these, too.

A credential is opened when it was read, and kept in memory alone. One that no key opens is not
passed over: its customer is refused, since the operator's may not be used in its place.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final, NamedTuple, Protocol

from router.backends.backend import Backend
from router.backends.own import why_no_own, with_own
from router.customers.errors import NoKey
from router.customers.known import Known
from router.customers.noting import Noting
from router.customers.provider_credentials import Noted
from router.customers.records import SealedCredential
from router.customers.store import unix_ms
from router.customers.vault import Vault
from router.world.snapshot import Snapshot

_LOG: Final = logging.getLogger("turnout")
_NOTHING: Final = Noted(None, None, None)
_SOON: Final = 1.0  # seconds until a refusal is written
_FAILED: Final = "cannot note what became of %d credentials of customers"


class NotesCredentials(Protocol):
    """Where it is written: see `router.customers.provider_credentials`. It blocks, and may raise
    DatabaseError."""

    def note(self, noted: Mapping[tuple[str, str], Noted]) -> None:
        """Note what became of credentials, by organization and backend."""


class _Secret(NamedTuple):
    """A credential as it was read; `text` None: no key opens it."""

    text: str | None
    fallback: bool

    def __repr__(self) -> str:
        return "_Secret(...)"


class _Owner:
    """One customer: its credentials by backend, its backends as they were made, its world."""

    __slots__ = ("made", "secrets", "seen")

    def __init__(
        self, secrets: dict[str, _Secret], made: dict[str, tuple[_Secret, Backend]]
    ) -> None:
        self.secrets = secrets
        self.made = made
        self.seen: tuple[Snapshot, Snapshot] | None = None


class OwnWorlds:
    """The customers that have credentials of their own. One thread tells what is new, while the
    event loop looks. What becomes of the credentials is noted, and written at times."""

    def __init__(
        self,
        vault: Vault,
        store: NotesCredentials,
        now_ms: Callable[[], int] = unix_ms,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._vault = vault
        self._now_ms = now_ms
        self._owners: dict[str, _Owner] = {}
        self._noting = Noting[tuple[str, str], Noted](store.note, _FAILED, clock)
        self.unreadable: dict[tuple[str, str], str] = {}  # why, by organization and backend

    def __len__(self) -> int:
        return len(self._owners)

    def of(self, organization: str, world: Snapshot) -> Snapshot:
        """The world as this customer asks it: the very one that is given, of most."""
        owner = self._owners.get(organization)
        if owner is None:
            return world
        seen = owner.seen
        if seen is None or seen[0] is not world:
            seen = owner.seen = (world, self._seen(organization, owner, world))
        return seen[1]

    def follow(self, known: Known, *, whole: bool) -> None:
        """Know what is new; `whole`: and nothing else."""
        owners = {} if whole else dict(self._owners)
        for name in known.organizations:
            old = self._owners.get(name)
            for place in [place for place in self.unreadable if place[0] == name]:
                del self.unreadable[place]
            sealed = known.credentials.get(name, ())
            if sealed:
                secrets = {each.backend: self._opened(name, each) for each in sealed}
                owners[name] = _Owner(secrets, {} if old is None else old.made)
            else:
                owners.pop(name, None)
        self._owners = owners

    def tell(self, organization: str, backend: str, refused: str | None) -> None:
        """A credential is used, or was refused."""
        place, now = (organization, backend), self._now_ms()
        noted = self._noting.noted
        before = noted.get(place, _NOTHING)
        if refused is None:
            noted[place] = before._replace(used_at=now)
        else:
            noted[place] = Noted(before.used_at, now, refused)
            self._noting.within(_SOON)

    async def write_at_times(self) -> None:
        """Write what was noted, where the last time is long enough ago; a refusal soon."""
        await self._noting.write_at_times()

    async def write(self) -> None:
        """Write what was noted."""
        await self._noting.write()

    def _opened(self, organization: str, sealed: SealedCredential) -> _Secret:
        try:
            text = self._vault.open(sealed.sealed, organization, sealed.backend)
        except NoKey as error:
            self.unreadable[organization, sealed.backend] = error.message
            _LOG.error(
                "a customer's own credential cannot be read, so its requests are refused",
                extra={"organization": organization, "backend": sealed.backend},
            )
            return _Secret(None, False)
        return _Secret(text, sealed.fallback)

    def _seen(self, organization: str, owner: _Owner, world: Snapshot) -> Snapshot:
        """The world with the customer's backends; what did not change keeps its health."""
        backends, made = dict(world.backends), {}
        for name, secret in owner.secrets.items():
            house = world.backends.get(name)
            if house is None or why_no_own(house) is not None:
                continue
            there = owner.made.get(name)
            if there is None or there[0] != secret or _house_of(there[1]) is not house:
                fallback = secret.fallback
                own = with_own(house, organization, secret.text, self.tell, fallback=fallback)
                there = (secret, own)
            made[name] = there
            backends[name] = there[1]
        owner.made = made
        return replace(world, backends=MappingProxyType(backends), owned=True)


def _house_of(backend: Backend) -> Backend | None:
    return None if backend.own is None else backend.own.house
