"""Anthropic's Messages on Google's Vertex: the model is in the address, the version in the body.

The body goes on as the client said it, but for these two. A client's `anthropic-beta` goes along.
"""

from typing import Final
from urllib.parse import quote

import orjson

from router.ask import Ask
from router.backends.backend import Backend, Deployment
from router.backends.dialects.base import Failure
from router.backends.dialects.failure import read_failure
from router.backends.dialects.heading import Targets
from router.backends.dialects.quirks import edited_message
from router.backends.transport.transport import HttpCall, Target
from router.protocols.headers import without_those_of
from router.protocols.messages.vertex import VERSION
from router.protocols.sse import EVENT_STREAM

_EDITS: Final = {"model": None, "anthropic_version": orjson.dumps(VERSION)}


class VertexAnthropic:
    """The dialect of Claude on Vertex: `rawPredict` and its streaming sister."""

    protocol = "vertex-messages"
    speaks = frozenset({"messages"})
    stream_type = EVENT_STREAM
    key_in = "x-goog-api-key"

    def __init__(self) -> None:
        self._targets = Targets(self.key_in)

    def call(self, deployment: Deployment, backend: Backend, ask: Ask, request_id: str) -> HttpCall:
        """POST {base_url}/models/{model}:rawPredict, with the client's headers of the protocol."""
        body = edited_message(backend, ask, dict(_EDITS))
        headers = tuple([one for one in ask.headers if one[0] != "anthropic-version"])
        target = self._target(deployment, backend, stream=ask.stream)
        headers = without_those_of(backend.headers, headers)
        return HttpCall(target, body, backend.timeouts, request_id, headers)

    def post(
        self,
        deployment: Deployment,
        backend: Backend,
        body: bytes,
        request_id: str,
        *,
        stream: bool,
    ) -> HttpCall:
        """POST {base_url}/models/{model}:rawPredict."""
        target = self._target(deployment, backend, stream=stream)
        return HttpCall(target, body, backend.timeouts, request_id)

    def _target(self, deployment: Deployment, backend: Backend, *, stream: bool) -> Target:
        verb = "streamRawPredict" if stream else "rawPredict"
        path = f"/models/{quote(backend.model, safe='@')}:{verb}"
        return self._targets.of(deployment, backend, path)

    def failure(self, status: int, raw: bytes) -> Failure:
        """Anthropic's words, or Google's."""
        return read_failure(status, raw)
