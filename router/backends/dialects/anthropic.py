"""Anthropic's Messages API, asked in its own words: the body goes on as the client said it.

Only `model` is set, and what the operator's quirks say of top-level parameters. A client's
`anthropic-version` and `anthropic-beta` go along; where it names no version, ours does.
"""

from typing import Final

import orjson

from router.ask import Ask
from router.backends.backend import Backend, Deployment
from router.backends.dialects.base import Failure
from router.backends.dialects.failure import read_failure
from router.backends.dialects.heading import Targets
from router.backends.dialects.quirks import signed_message
from router.backends.transport.transport import HttpCall
from router.protocols.headers import without_those_of
from router.protocols.sse import EVENT_STREAM

_VERSION: Final = ("anthropic-version", "2023-06-01")
_PATH: Final = "/messages"


class Anthropic:
    """The dialect of Anthropic's Messages API."""

    protocol = "messages"
    speaks = frozenset({"messages"})
    stream_type = EVENT_STREAM
    key_in = "x-api-key"
    always = (_VERSION,)

    def __init__(self) -> None:
        self._targets = Targets(self.key_in)

    def call(self, deployment: Deployment, backend: Backend, ask: Ask, request_id: str) -> HttpCall:
        """POST {base_url}/messages, with the client's headers of the protocol."""
        body = signed_message(backend, ask, orjson.dumps(backend.model))
        headers = ask.headers
        if not any(name == _VERSION[0] for name, _ in headers):
            headers = (_VERSION, *headers)
        target = self._targets.of(deployment, backend, _PATH)
        headers = without_those_of(backend.headers, headers)
        return HttpCall(target, body, backend.timeouts, request_id, headers)

    def post(
        self,
        deployment: Deployment,
        backend: Backend,
        body: bytes,
        request_id: str,
        *,
        stream: bool,  # the body says so too
    ) -> HttpCall:
        """POST {base_url}/messages."""
        headers = without_those_of(backend.headers, (_VERSION,))
        target = self._targets.of(deployment, backend, _PATH)
        return HttpCall(target, body, backend.timeouts, request_id, headers)

    def failure(self, status: int, raw: bytes) -> Failure:
        """`{"type": "error", "error": {"type", "message"}}`."""
        return read_failure(status, raw)
