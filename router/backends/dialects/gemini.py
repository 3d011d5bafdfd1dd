"""Google's Gemini API (generateContent): where and with which headers it is asked.

The credential travels in a header, never in the address: addresses end up in logs.
"""

from urllib.parse import quote

from router.backends.backend import Backend, Deployment
from router.backends.dialects.base import EVENT_STREAM, Failure
from router.backends.dialects.failure import read_failure
from router.backends.transport.transport import HttpCall, Target


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
        headers = [
            ("Content-Type", "application/json"),
            ("Accept-Encoding", "identity"),
            *backend.headers,
        ]
        if deployment.api_key is not None:
            headers.append(("x-goog-api-key", deployment.api_key))
        verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
        model = quote(backend.model.removeprefix("models/"), safe="")
        url = f"{deployment.base_url}/models/{model}:{verb}"
        return HttpCall(Target(url, tuple(headers)), body, backend.timeouts, request_id)

    def failure(self, status: int, raw: bytes) -> Failure:
        """`{"error": {"code", "message", "status"}}`, sometimes inside a list."""
        failure = read_failure(status, raw)
        if "exceeds the maximum number of tokens" in failure.message:
            return Failure(failure.message, failure.type, "context_length_exceeded")
        return failure
