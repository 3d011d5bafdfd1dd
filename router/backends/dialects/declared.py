"""How a backend of any dialect is asked what the operator declared: the client's own bytes.

Only what says who asks is its dialect's: the header of the key, and headers that its servers want
in every call.
"""

from dataclasses import replace
from urllib.parse import parse_qsl, urlencode

from router.ask import Ask
from router.backends.backend import Backend, Deployment
from router.backends.dialects.base import Dialect, Failure
from router.backends.dialects.heading import BEARER, target_of
from router.backends.transport.transport import HttpCall
from router.protocols.declared import Sending
from router.protocols.headers import Pairs, without_those_of
from router.protocols.sse import EVENT_STREAM


class DeclaredAsking:
    """Asks servers of one dialect."""

    stream_type = EVENT_STREAM

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._key_in: str = getattr(dialect, "key_in", BEARER)
        self._always: Pairs = getattr(dialect, "always", ())

    def call(self, deployment: Deployment, backend: Backend, ask: Ask, request_id: str) -> HttpCall:
        """The request as it came, at the path that its operation says."""
        sending: Sending = ask.declared
        query = _without(sending.query, backend.query)
        path = f"{sending.path}?{query}" if query else sending.path
        if sending.at_root:
            root = deployment.base_url.removesuffix("/v1")
            deployment = replace(deployment, base_url=root)
        target = target_of(deployment, backend, path, key_in=self._key_in, json=False)
        sent = {name for name, _ in ask.headers}
        always = tuple([pair for pair in self._always if pair[0] not in sent])
        headers = without_those_of(backend.headers, (*always, *ask.headers))
        # Paths differ from request to request: nothing remembers them.
        target = target._replace(method=sending.method, once=True)
        return HttpCall(target, ask.raw, backend.timeouts, request_id, headers)

    def failure(self, status: int, raw: bytes) -> Failure:
        """What the dialect reads in it."""
        return self._dialect.failure(status, raw)


def _without(query: str, operators: Pairs) -> str:
    """The client's query without what the operator's own says of the backend."""
    if not operators or not query:
        return query
    names = {name for name, _ in operators}
    pairs = parse_qsl(query, keep_blank_values=True)
    return urlencode([pair for pair in pairs if pair[0] not in names])
