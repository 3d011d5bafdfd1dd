"""From an Authorization header to a principal: one hash, one dictionary look-up, no I/O."""

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from router.auth.known_keys import KnownKeys
from router.auth.last_use import LastUse
from router.customers.key_text import hash_bytes, is_well_formed
from router.customers.keys import KeyStore
from router.customers.known import Known
from router.customers.records import CalendarWords, StoredKey
from router.customers.terms import Refused
from router.database import DatabaseError
from router.domain import Principal
from router.errors import PermissionDenied, TurnoutError, Unauthenticated

_LOG = logging.getLogger(__name__)
_REFRESH_SECONDS: Final = 0.5
_MISSING: Final = (
    "You didn't provide an API key. Send it as a bearer token: 'Authorization: Bearer YOUR_KEY'."
)
_UNKNOWN: Final = (
    "Incorrect API key provided. Ask whoever runs this gateway for a key (turnout keys create)."
)
_REFUSALS: Final[Mapping[str, tuple[type[TurnoutError], str]]] = {
    "expired": (Unauthenticated, "expired_api_key"),
    "suspended": (PermissionDenied, "organization_suspended"),
}


_NO_KEY: Final = b"!" * 46  # as long as a key, and none


class Follows(Protocol):
    """Who else wants to know what is new of customers."""

    def follow(self, known: Known, *, whole: bool) -> None:
        """Know what is new; `whole`: and nothing else. Called in a thread."""

    async def write_at_times(self) -> None:
        """Write what was noted, now and then."""


class Authenticator:
    """Knows every working key. Whatever changes of customers takes effect within a second; what
    ends, ends at its moment, whether or not the database answers. `followers` are told of it, too.
    """

    def __init__(self, store: KeyStore, followers: Sequence[Follows] = ()) -> None:
        self._followers = followers
        self._store = store
        self._keys = KnownKeys()
        self._principals = self._keys.principals
        self._change = -1  # the number of the last change that was read
        self._version: int | None = None  # the database's version when it was read
        self._refresher: asyncio.Task[None] | None = None
        self.last_use = LastUse(store)

    def __len__(self) -> int:
        return len(self._principals)

    def calendar_of(self, organization: str) -> CalendarWords | None:
        """Return the time zone and billing day that an organization has of its own, if any."""
        return self._keys.calendar_of(organization)

    def tiers(self) -> dict[str, tuple[int, int]]:
        """Return how many organizations have each tier, and how many keys count by it."""
        return self._keys.tiers()

    def member(self, key: StoredKey) -> Principal:
        """Return who asks in the name of an organization by what is as good as a key of it.

        Raises PermissionDenied where the organization is not known, or is suspended.
        """
        found = self._keys.member(key, self._store.now_ms())
        if isinstance(found, Refused):
            raise _error(found)
        if found is None:
            raise PermissionDenied(
                f"The organization {key.organization} of this token is not known here. Ask whoever "
                "runs this gateway to create it.",
                code="unknown_organization",
            )
        return found

    def authenticate(self, authorization: bytes | None) -> Principal:
        """Return who holds the key of this header.

        Raises Unauthenticated, in the same words for unknown, revoked and malformed keys, and after
        the same work; to who holds a key that ended, it says so. Raises PermissionDenied where the
        organization is suspended.
        """
        if not authorization:
            raise Unauthenticated(_MISSING, code="invalid_api_key")
        scheme, _, token = authorization.partition(b" ")
        key = token.strip()
        may_be = is_well_formed(key) and scheme.lower() == b"bearer"
        hashed = hash_bytes(key if may_be else _NO_KEY)
        principal = self._principals.get(hashed)
        if principal is not None:
            return principal
        refused = self._keys.refused.get(hashed)
        if refused is not None:
            raise _error(refused)
        raise Unauthenticated(_UNKNOWN)

    async def start(self) -> None:
        """Read the keys, then keep them fresh until `close`."""
        await asyncio.to_thread(self.refresh)
        self._refresher = asyncio.create_task(self._keep_fresh(), name="key refresh")

    def refresh(self) -> None:
        """Read the keys again if any changed; end what has ended."""
        change = self._store.state()
        if change != self._change:
            since = self._change if change > self._change else -1
            known = self._store.known(since)
            if since < 0:
                self._keys.replace(known, self._store.now_ms())
            else:
                self._keys.update(known, self._store.now_ms())
            for follower in self._followers:
                follower.follow(known, whole=since < 0)
            self._change = known.change
        self._keys.turn(self._store.now_ms())

    async def _keep_fresh(self) -> None:
        while True:
            await asyncio.sleep(self._keys.pause(self._store.now_ms(), _REFRESH_SECONDS))
            self._keys.turn(self._store.now_ms())
            version = self._store.version()
            if version is None or version != self._version:
                await self._read(version)
            await self.last_use.write_at_times()
            for follower in self._followers:
                await follower.write_at_times()

    async def _read(self, version: int | None) -> None:
        try:
            await asyncio.to_thread(self.refresh)
            self._version = version
        except DatabaseError:
            _LOG.exception("cannot read the key table; the keys known so far stay in force")

    async def close(self) -> None:
        """Stop refreshing, and write when keys were last used."""
        if self._refresher is not None:
            self._refresher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._refresher
            await self.last_use.write()


def _error(refused: Refused) -> TurnoutError:
    kind, code = _REFUSALS[refused.why]
    return kind(refused.message, code=code)
