"""Google's Gemini API (generateContent): where and with which headers it is asked.

The credential travels in a header, never in the address: addresses end up in logs.
"""

from urllib.parse import quote

from router.backends.backend import Backend, Deployment
from router.backends.dialects.base import EVENT_STREAM, Failure
from router.backends.dialects.failure import read_failure
from router.backends.dialects.heading import target_of
from router.backends.transport.transport import HttpCall


class Gemini:
    """The dialect of Google's Gemini API."""

    protocol = "gemini"
    speaks = frozenset[str]()
    stream_type = EVENT_STREAM

    def post(
        self,
        deployment: Deployment,
        backend: Backend,
        body: bytes,
        request_id: str,
        *,
        stream: bool,
    ) -> HttpCall:
        """POST {base_url}/models/{model}:generateContent, or its streaming sister."""
        verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
        model = quote(backend.model.removeprefix("models/"), safe="")
        target = target_of(deployment, backend, f"/models/{model}:{verb}", key_in="x-goog-api-key")
        return HttpCall(target, body, backend.timeouts, request_id)

    def failure(self, status: int, raw: bytes) -> Failure:
        """`{"error": {"code", "message", "status"}}`, sometimes inside a list."""
        return read_failure(status, raw)
