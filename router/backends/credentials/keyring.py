"""The authorizers in use: one for all backends that have the same credentials."""

from collections.abc import Iterable

from router.backends.backend import Backend
from router.backends.credentials.authorizing import Authorizer
from router.backends.credentials.specs import Credentials
from router.backends.credentials.table import authorizer


class Keyring:
    """Authorizers by what their credentials say. A reload keeps those that it still needs."""

    def __init__(self) -> None:
        self._known: dict[Credentials, Authorizer] = {}

    def of(self, backend: Backend) -> Authorizer | None:
        """Who authorizes this backend's calls; None where its key does, or nothing."""
        spec = backend.credentials
        if spec is None:
            return None
        if spec not in self._known:
            self._known[spec] = authorizer(spec)
        return self._known[spec]

    def keep(self, backends: Iterable[Backend]) -> None:
        """Forget the authorizers that none of these backends needs."""
        wanted = {backend.credentials for backend in backends}
        for spec in [spec for spec in self._known if spec not in wanted]:
            del self._known[spec]

    def prepare(self) -> None:
        """Begin to fetch what is needed first. Call it inside the event loop."""
        for known in self._known.values():
            known.prepare()

    async def close(self) -> None:
        """Give up what is being fetched."""
        for known in self._known.values():
            await known.close()
