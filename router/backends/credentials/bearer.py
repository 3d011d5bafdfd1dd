"""Tokens in `Authorization`, renewed before they expire."""

from collections.abc import Callable

from router.backends.credentials.renewing import Leased, Renewing
from router.backends.transport.transport import HttpCall
from router.protocols.headers import Pairs


class BearerTokens:
    """An `Authorizer` by tokens: the same headers for every call until the next token."""

    def __init__(self, fetch: Callable[[], Leased[str]], name: str) -> None:
        """`fetch` returns a new token; it is called in a thread."""
        self._token = Renewing(fetch, name)

    async def headers(self, call: HttpCall) -> Pairs:
        """See `Authorizer.headers`."""
        return (("Authorization", f"Bearer {await self._token.get()}"),)

    def prepare(self) -> None:
        """See `Authorizer.prepare`."""
        self._token.prepare()

    def refused(self) -> bool:
        """See `Authorizer.refused`."""
        return self._token.drop()

    @property
    def secrets(self) -> tuple[str, ...]:
        """See `Authorizer.secrets`."""
        return () if self._token.held is None else (self._token.held,)

    async def close(self) -> None:
        """See `Authorizer.close`."""
        await self._token.close()
