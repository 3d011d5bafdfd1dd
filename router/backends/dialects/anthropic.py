"""Anthropic's Messages API, asked in its own words: the body goes on as the client said it.

Only `model` is set, and what the operator's quirks say of top-level parameters. A client's
`anthropic-version` and `anthropic-beta` go along; where it names no version, ours does.
"""

from typing import Final

import orjson

from router.ask import Ask
from router.backends.backend import Backend, Deployment
from router.backends.dialects.base import EVENT_STREAM, Failure
from router.backends.dialects.failure import read_failure
from router.backends.dialects.quirks import shaped_body
from router.backends.transport.transport import Call, Target
from router.protocols.headers import Pairs, without_those_of

_VERSION: Final = ("anthropic-version", "2023-06-01")


class Anthropic:
    """The dialect of Anthropic's Messages API."""

    protocol = "messages"
    speaks = frozenset({"messages"})
    stream_type = EVENT_STREAM

    def call(self, deployment: Deployment, backend: Backend, ask: Ask, request_id: str) -> Call:
        """POST {base_url}/messages."""
        body = shaped_body(backend, ask, orjson.dumps(backend.model))
        return message_call(deployment, backend, body, request_id, ask.headers)

    def post(
        self,
        deployment: Deployment,
        backend: Backend,
        body: bytes,
        request_id: str,
        *,
        stream: bool,  # the body says so too
    ) -> Call:
        """POST {base_url}/messages."""
        return message_call(deployment, backend, body, request_id)

    def failure(self, status: int, raw: bytes) -> Failure:
        """`{"type": "error", "error": {"type", "message"}}`."""
        failure = read_failure(status, raw)
        if "prompt is too long" in failure.message:
            return Failure(failure.message, failure.type, "context_length_exceeded")
        return failure


def message_call(
    deployment: Deployment, backend: Backend, body: bytes, request_id: str, headers: Pairs = ()
) -> Call:
    """POST {base_url}/messages with this body and the client's headers of the protocol."""
    fixed = [
        ("Content-Type", "application/json"),
        ("Accept-Encoding", "identity"),
        *backend.headers,
    ]
    if deployment.api_key is not None:
        fixed.append(("x-api-key", deployment.api_key))
    if not any(name == _VERSION[0] for name, _ in headers):
        headers = (_VERSION, *headers)
    return Call(
        Target(f"{deployment.base_url}/messages", tuple(fixed)),
        body,
        backend.timeouts,
        request_id,
        without_those_of(backend.headers, headers),
    )
