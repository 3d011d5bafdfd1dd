"""What every call to one deployment has in common: its address, and the headers it always bears."""

from typing import Final
from urllib.parse import urlencode

from router.backends.backend import Backend, Deployment
from router.backends.transport.transport import Target

BEARER: Final = "Authorization"
_KEPT: Final = 1_000


def target_of(
    deployment: Deployment,
    backend: Backend,
    path: str,
    *,
    key_in: str = BEARER,
    also: tuple[tuple[str, str], ...] = (),
    json: bool = True,
) -> Target:
    """Where calls to `path` go, and their headers; `also` are those of the dialect.

    `key_in` names the header in which the dialect's servers look for the key, unless the backend
    says another one. In `Authorization` it stands as a bearer token, elsewhere as it is. Calls that
    are not `json` by nature say by themselves what they are.
    """
    coding = "gzip" if backend.compressed_answers else "identity"
    headers = [("Accept-Encoding", coding), *also, *backend.headers]
    if json:
        headers.insert(0, ("Content-Type", "application/json"))
    if deployment.api_key is not None:
        name = backend.key_header or key_in
        bearer = "Bearer " if name.lower() == BEARER.lower() else ""
        headers.append((name, f"{bearer}{deployment.api_key}"))
    return Target(f"{deployment.base_url}{path}{_query(backend, path)}", tuple(headers))


def _query(backend: Backend, path: str) -> str:
    if not backend.query:
        return ""
    return ("&" if "?" in path else "?") + urlencode(backend.query)


class Targets:
    """The targets of a dialect, each made once: as its deployment was last described."""

    def __init__(self, key_in: str = BEARER) -> None:
        """`key_in` is the header in which the servers look for the key."""
        self._key_in = key_in
        self._known: dict[tuple[str, str], tuple[Backend, Target]] = {}

    def of(self, deployment: Deployment, backend: Backend, path: str) -> Target:
        """Where calls of this deployment to `path` go."""
        known = self._known.get((deployment.id, path))
        if known is not None and known[0] is backend:  # whose deployments never change
            return known[1]
        if backend.own is not None:  # nothing keeps a customer's credential but its backend
            return target_of(deployment, backend, path, key_in=self._key_in)
        if len(self._known) >= _KEPT:
            self._known.clear()
        target = target_of(deployment, backend, path, key_in=self._key_in)
        self._known[deployment.id, path] = backend, target
        return target
