"""Ollama's own API: where it is asked, and what of OpenAI's form its servers have beside it.

`base_url` is the server's root; one that ends in `/api` or `/v1` means the same. Conversations go
to `/api/chat`. What else the server has (embeddings, completions) it tells in OpenAI's words below
`/v1`, and there the client's bytes go as they came.
"""

from dataclasses import replace
from typing import Final

from router.ask import Ask
from router.backends.backend import Backend, Deployment
from router.backends.dialects.base import Failure
from router.backends.dialects.failure import read_failure
from router.backends.dialects.heading import Targets
from router.backends.dialects.openai import OpenAI
from router.backends.transport.transport import HttpCall

_BELOW: Final = ("/api", "/v1")


class Ollama:
    """The dialect of Ollama's own API."""

    protocol = "ollama"
    speaks = frozenset({"openai"})
    stream_type = "application/x-ndjson"

    def __init__(self) -> None:
        self._targets = Targets()
        self._openai = OpenAI()

    def call(self, deployment: Deployment, backend: Backend, ask: Ask, request_id: str) -> HttpCall:
        """POST {root}/v1{path}, the body as it came."""
        below = replace(deployment, base_url=f"{_root(deployment.base_url)}/v1")
        return self._openai.call(below, backend, ask, request_id)

    def post(
        self,
        deployment: Deployment,
        backend: Backend,
        body: bytes,
        request_id: str,
        *,
        stream: bool,  # the body says so too
    ) -> HttpCall:
        """POST {root}/api/chat."""
        at_root = replace(deployment, base_url=_root(deployment.base_url))
        target = self._targets.of(at_root, backend, "/api/chat")
        return HttpCall(target, body, backend.timeouts, request_id)

    def failure(self, status: int, raw: bytes) -> Failure:
        """`{"error": "..."}`, and OpenAI's words below `/v1`."""
        return read_failure(status, raw)


def _root(base_url: str) -> str:
    for end in _BELOW:
        base_url = base_url.removesuffix(end)
    return base_url
