"""OpenAI's chat completions, and the many servers that speak it, each with its quirks as data.

Only `model` and `stream_options` are set; the answer's bytes are relayed. Of a stream only two
things are changed: the usage chunk that the gateway asked for is hidden from a client that did not
ask, and so is the `"usage": null` that it brings along.
"""

from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from router.ask import Ask
from router.backends.backend import Backend, Deployment
from router.backends.dialects.base import EVENT_STREAM, Failure, MalformedReply, Reply, Translator
from router.backends.dialects.failure import read_failure, refuse_error_inside
from router.backends.dialects.openai_stream import OpenAIStream
from router.backends.dialects.parts import checked_choices, flatten, is_one_text
from router.backends.dialects.quirks import shaped_body
from router.backends.dialects.usage import (
    estimate_output,
    estimate_usage,
    read_usage,
)
from router.backends.transport.transport import Call, Target

_HEADINGS_KEPT: Final = 1_000


@dataclass(frozen=True, slots=True)
class _Heading:
    """What every call to one deployment has in common."""

    backend: Backend
    target: Target = field(repr=False)


class OpenAI:
    """The dialect of OpenAI and of everything compatible with it."""

    stream_type = EVENT_STREAM

    def __init__(self) -> None:
        self._headings: dict[str, _Heading] = {}  # by deployment, as it was last described

    def call(self, deployment: Deployment, backend: Backend, request: Ask, request_id: str) -> Call:
        """POST {base_url}/chat/completions."""
        heading = self._headings.get(deployment.id)
        if heading is None or heading.backend is not backend:  # whose deployments never change
            heading = self._heading(deployment, backend)
        return Call(
            heading.target,
            orjson.dumps(shaped_body(backend, request)),
            backend.timeouts,
            request_id,
        )

    def _heading(self, deployment: Deployment, backend: Backend) -> "_Heading":
        headers = [
            ("Content-Type", "application/json"),
            ("Accept-Encoding", "identity"),
            *backend.headers,
        ]
        if deployment.api_key is not None:
            headers.append(("Authorization", f"Bearer {deployment.api_key}"))
        if len(self._headings) >= _HEADINGS_KEPT:
            self._headings.clear()
        target = Target(f"{deployment.base_url}/chat/completions", tuple(headers))
        heading = self._headings[deployment.id] = _Heading(backend, target)
        return heading

    def reply(self, raw: bytes, request: Ask) -> Reply:
        """Read `usage` and `model`; the body goes on as it came."""
        try:
            body = orjson.loads(raw)
        except orjson.JSONDecodeError:
            raise MalformedReply("answered something that is not JSON") from None
        if not isinstance(body, dict):
            raise MalformedReply("answered JSON that is not an object")
        refuse_error_inside(body)
        choices: Any = body.get("choices")
        changed = False
        if not is_one_text(choices):
            choices = checked_choices(body, "message")
            changed = flatten(choices, "message")
        usage = read_usage(body.get("usage"), request)
        model = body.get("model")
        return Reply(
            orjson.dumps(body) if changed else raw.strip(),
            usage or estimate_usage(request, _spoken(choices)),
            model if isinstance(model, str) else None,
        )

    def translator(self, request: Ask) -> Translator:
        """Relay the chunks."""
        return OpenAIStream(request)

    def failure(self, status: int, raw: bytes) -> Failure:
        """Read `{"error": {...}}` and its many relatives."""
        return read_failure(status, raw)


def _spoken(choices: list[dict[str, Any]]) -> int:
    """Output tokens by the text of the choices, for a server that does not count."""
    messages = [choice.get("message") for choice in choices]
    return estimate_output(len(orjson.dumps(messages)))
