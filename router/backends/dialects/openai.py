"""OpenAI's API, and the many servers that speak it, each with its quirks as data.

Only `model` and `stream_options` are set; the rest of a request goes on as the client said it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

import orjson

from router.ask import Ask
from router.backends.backend import Backend, Deployment
from router.backends.dialects.base import Failure
from router.backends.dialects.failure import read_failure
from router.backends.dialects.heading import target_of
from router.backends.dialects.quirks import (
    shaped_body,
    shaped_chat,
    shaped_compaction,
    shaped_form,
    shaped_message,
    shaped_response,
)
from router.backends.transport.transport import HttpCall, Target
from router.protocols.ahead import LARGE, outline_of
from router.protocols.headers import without_those_of
from router.protocols.splice import replaced
from router.protocols.sse import EVENT_STREAM

# Paths at which thoughts may be others'.
_RESHAPED: Final = frozenset(("/responses", "/responses/compact", "/messages"))
_HEADINGS_KEPT: Final = 1_000
_CHAT: Final = "/chat/completions"
_FORMS: Final = (
    *("/images/edits", "/images/variations"),
    *("/audio/transcriptions", "/audio/translations"),
)
_AT_ROOT: Final = frozenset({"/tokenize", "/detokenize"})  # not below /v1
_SHAPES: Final = MappingProxyType(
    {
        _CHAT: shaped_chat,
        "/responses": shaped_response,
        "/responses/compact": shaped_compaction,
        "/messages": shaped_message,
        **dict.fromkeys(_FORMS, shaped_form),
    }
)
_ALL: Final = frozenset(("chat", "responses", "compactions", "messages"))
# What its operations besides conversations are told in.
_OTHERS: Final = frozenset(
    ("openai", "ranking", "pictures", "sounds", "speech", "transcripts", "tokens")
)


@dataclass(frozen=True, slots=True)
class _Heading:
    """What every call to one deployment at one path has in common."""

    backend: Backend
    target: Target = field(repr=False)
    model: bytes  # as JSON
    shape: Callable[[Backend, Ask, bytes], bytes]
    plain: bool  # the server differs in nothing from OpenAI's own, but for the role of developers
    knows: bool  # it knows that role


class OpenAI:
    """The dialect of OpenAI and of everything compatible with it.

    `protocol` is asked at `path` where a client speaks none that the server does. A server may know
    further ones: `also`, of which its operator says which.
    """

    stream_type = EVENT_STREAM

    def __init__(
        self,
        protocol: str = "chat",
        path: str = _CHAT,
        speaks: frozenset[str] = _OTHERS | {"chat"},
    ) -> None:
        self.protocol = protocol
        self.speaks = speaks
        self.also = _ALL - speaks
        self._path = path
        # By deployment and path, as it was last described.
        self._headings: dict[tuple[str, str], _Heading] = {}

    def call(self, deployment: Deployment, backend: Backend, ask: Ask, request_id: str) -> HttpCall:
        """POST {base_url}{path}."""
        heading = self._headings.get((deployment.id, ask.path))
        if heading is None or heading.backend is not backend:  # whose deployments never change
            heading = self._described(deployment, backend, ask.path)
        raw = ask.raw if len(ask.raw) <= LARGE else outline_of(ask.raw, ask.members)
        if heading.plain and not ask.stream and (heading.knows or b'"developer"' not in raw):
            body = replaced(ask.raw, ask.members["model"], heading.model)  # mostly all that is new
        else:
            body = heading.shape(backend, ask, heading.model)
        return HttpCall(
            heading.target,
            body,
            backend.timeouts,
            request_id,
            without_those_of(backend.headers, ask.headers) if ask.headers else (),
        )

    def post(
        self,
        deployment: Deployment,
        backend: Backend,
        body: bytes,
        request_id: str,
        *,
        stream: bool,  # the body says so too
    ) -> HttpCall:
        """POST {base_url}/chat/completions, or where its protocol is asked."""
        path = self._path
        heading = self._headings.get((deployment.id, path))
        if heading is None or heading.backend is not backend:
            heading = self._described(deployment, backend, path)
        return HttpCall(heading.target, body, backend.timeouts, request_id)

    def _described(self, deployment: Deployment, backend: Backend, path: str) -> "_Heading":
        shape = _SHAPES.get(path, shaped_body)
        if len(self._headings) >= _HEADINGS_KEPT:
            self._headings.clear()
        asked = deployment
        if path in _AT_ROOT:
            asked = replace(deployment, base_url=deployment.base_url.removesuffix("/v1"))
        target = target_of(asked, backend, path, json=shape is not shaped_form)
        heading = self._headings[deployment.id, path] = _Heading(
            backend,
            target,
            orjson.dumps(backend.model),
            shape,
            backend.quirks.plain and shape is not shaped_form and path not in _RESHAPED,
            backend.quirks.developer_role,
        )
        return heading

    def failure(self, status: int, raw: bytes) -> Failure:
        """Read `{"error": {...}}` and its many relatives."""
        return read_failure(status, raw)
