"""The keys of an identity provider: fetched, kept fresh, and fetched again when it changes them.

Theory of operation. A set is fetched at the start and every five minutes. A token that names a key
which nobody knows here means that the provider changed its keys: they are fetched at once, but no
more than every ten seconds, so that strangers' tokens cannot make us flood the provider. Until
then such a token is told to come back, and not that it is wrong. Where the provider does not
answer, the keys known so far go on working; that is logged once, and once more when it answers.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import jwt

from router.auth.tokens.fetching import Unfetched, address_in, discovered, document_at

_LOG = logging.getLogger(__name__)
REFRESH_SECONDS: Final = 300.0
AGAIN_SECONDS: Final = 10.0  # between two fetches that unknown keys ask for
_MOST_KEYS: Final = 100


class KeySet:
    """The keys of one issuer, by their ids. `address` is empty where discovery tells it."""

    def __init__(
        self, issuer: str, address: str, now: Callable[[], float] = time.monotonic
    ) -> None:
        self.issuer = issuer
        self._address = address
        self._now = now
        self._keys: Mapping[str | None, jwt.PyJWK] = {}
        self._said: list[Any] = []  # the set as the provider tells it
        self._asked = float("-inf")
        self._failed = False
        self._fetching: asyncio.Task[None] | None = None
        self.fetched = False
        self.changes = 0  # how often the set became another one

    def get(self, key_id: str | None) -> jwt.PyJWK | None:
        """Return a key; without an id, the only one that there is."""
        if key_id is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(key_id)

    def ask_again(self) -> bool:
        """Fetch the keys soon, since one is unknown; say whether they may be there then."""
        if self._fetching is None and self._now() - self._asked >= AGAIN_SECONDS:
            self._fetching = asyncio.get_running_loop().create_task(self.refresh())
            self._fetching.add_done_callback(self._over)
        return self._fetching is not None or not self.fetched

    async def awaited(self, key_id: str | None) -> jwt.PyJWK | None:
        """Return a key, once the keys were fetched again where that may help."""
        if self.get(key_id) is None and self.ask_again() and self._fetching is not None:
            await asyncio.wait([self._fetching])
        return self.get(key_id)

    def _over(self, _: "asyncio.Task[None]") -> None:
        self._fetching = None

    async def keep_fresh(self) -> None:
        """Fetch the keys now and then, for ever."""
        while True:
            await asyncio.sleep(REFRESH_SECONDS if self.fetched else AGAIN_SECONDS)
            await self.refresh()

    async def refresh(self) -> None:
        """Fetch the keys. Never raises: what fails is logged, and the known ones stay."""
        self._asked = self._now()
        try:
            keys, said = await self._fetch()
        except Unfetched as error:
            if not self._failed:
                facts = {"issuer": self.issuer, "reason": str(error)}
                _LOG.warning("the keys of an identity provider cannot be fetched", extra=facts)
            self._failed = True
            return
        if self._failed:
            facts = {"issuer": self.issuer}
            _LOG.warning("the keys of an identity provider were fetched again", extra=facts)
        self._failed, self.fetched = False, True
        if said != self._said:
            self._keys, self._said = keys, said
            self.changes += 1

    async def close(self) -> None:
        """Stop a fetch that runs."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.wait([self._fetching])

    async def _fetch(self) -> tuple[dict[str | None, jwt.PyJWK], list[Any]]:
        address = self._address or address_in(await discovered(self.issuer), "jwks_uri")
        found = (await document_at(address)).get("keys")
        if not isinstance(found, list) or not 0 < len(found) <= _MOST_KEYS:
            raise Unfetched(f"{address} has no keys, or more than {_MOST_KEYS}")
        return dict(_usable(found)), found


def _usable(found: list[Any]) -> list[tuple[str | None, jwt.PyJWK]]:
    """Those keys that can check signatures here; a provider may have others."""
    keys = []
    for each in found:
        if (
            not isinstance(each, dict)
            or each.get("use", "sig") != "sig"
            or each.get("kty") == "oct"
        ):
            continue
        try:
            keys.append((each.get("kid"), jwt.PyJWK.from_dict(each)))
        except jwt.PyJWTError:
            continue
    return keys
