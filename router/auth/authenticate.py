"""From an Authorization header to a principal: one hash, one dictionary look-up, no I/O."""

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from typing import Final

from router.auth.keys import hash_bytes, is_well_formed
from router.auth.store import KeyStore
from router.database import DatabaseError
from router.domain import Principal
from router.errors import Unauthenticated

_LOG = logging.getLogger(__name__)
_REFRESH_SECONDS: Final = 1.0
_MISSING: Final = (
    "You didn't provide an API key. Send it as a bearer token: 'Authorization: Bearer YOUR_KEY'."
)
_UNKNOWN: Final = (
    "Incorrect API key provided. Ask whoever runs this gateway for a key (turnout keys create)."
)


_NO_KEY: Final = b"!" * 46  # as long as a key, and none


class Authenticator:
    """Knows every working key; new and revoked ones take effect within about a second."""

    def __init__(self, store: KeyStore) -> None:
        self._store = store
        self._state: tuple[object, ...] = ()
        self._principals: Mapping[bytes, Principal] = {}
        self._tiers: Mapping[str, str] = {}
        self._version: int | None = None  # the database's version when it was read
        self._refresher: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._principals)

    def tier_of(self, organization: str) -> str | None:
        """Return the tier of an organization's keys; None where it has none."""
        return self._tiers.get(organization)

    def authenticate(self, authorization: bytes | None) -> Principal:
        """Return who holds the key of this header.

        Raises Unauthenticated, in the same words for unknown, revoked and malformed keys, and after
        the same work.
        """
        if not authorization:
            raise Unauthenticated(_MISSING, code="invalid_api_key")
        scheme, _, token = authorization.partition(b" ")
        key = token.strip()
        may_be = is_well_formed(key) and scheme.lower() == b"bearer"
        principal = self._principals.get(hash_bytes(key if may_be else _NO_KEY))
        if principal is not None:
            return principal
        raise Unauthenticated(_UNKNOWN)

    async def start(self) -> None:
        """Read the keys, then keep them fresh until `close`."""
        await asyncio.to_thread(self.refresh)
        self._refresher = asyncio.create_task(self._keep_fresh(), name="key refresh")

    def refresh(self) -> None:
        """Read the keys again if any changed."""
        state = self._store.state()
        if state != self._state:
            self._principals = dict(self._store.working())
            self._tiers = {each.organization: each.tier for each in self._principals.values()}
            self._state = state

    async def _keep_fresh(self) -> None:
        while True:
            await asyncio.sleep(_REFRESH_SECONDS)
            version = self._store.version()
            if version is not None and version == self._version:
                continue
            try:
                await asyncio.to_thread(self.refresh)
                self._version = version
            except DatabaseError:
                _LOG.exception("cannot read the key table; the keys known so far stay in force")

    async def close(self) -> None:
        """Stop refreshing."""
        if self._refresher is not None:
            self._refresher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._refresher
