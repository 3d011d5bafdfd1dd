"""Google's Gemini API (generateContent): where and with which headers it is asked.

The credential travels in a header, never in the address: addresses end up in logs.
"""

from urllib.parse import quote

import orjson

from router.ask import Ask
from router.backends.backend import Backend, Deployment
from router.backends.dialects.base import Failure
from router.backends.dialects.failure import read_failure
from router.backends.dialects.heading import target_of
from router.backends.transport.transport import HttpCall
from router.protocols.ahead import outline_of
from router.protocols.beside import json_of
from router.protocols.gemini.seals import has_foreign_seals, own_contents
from router.protocols.splice import splice
from router.protocols.sse import EVENT_STREAM


class Gemini:
    """The dialect of Google's Gemini API."""

    protocol = "gemini"
    speaks = frozenset({"gemini", "gemini_array"})
    stream_type = EVENT_STREAM
    key_in = "x-goog-api-key"

    def call(self, deployment: Deployment, backend: Backend, ask: Ask, request_id: str) -> HttpCall:
        """The client's own body; what the operator drops or adds is changed in it."""
        body, members, quirks = ask.raw, ask.members, backend.quirks
        edits: dict[str, bytes | None] = {
            name: orjson.dumps(held) for name, held in quirks.extra.items()
        }
        config = ask.body.get("generationConfig") or {}
        if not quirks.drop.isdisjoint(config):
            left = {name: held for name, held in config.items() if name not in quirks.drop}
            edits["generationConfig"] = orjson.dumps(left)
        if has_foreign_seals(outline_of(body, members)):
            edits["contents"] = json_of(own_contents(ask.body["contents"]), len(ask.raw))
        if "model" in members:
            edits["model"] = None  # the address names it
        if edits:
            body = splice(body, members, edits)
        return self.post(deployment, backend, body, request_id, stream=ask.stream)

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
        target = target_of(deployment, backend, f"/models/{model}:{verb}", key_in=self.key_in)
        return HttpCall(target, body, backend.timeouts, request_id)

    def failure(self, status: int, raw: bytes) -> Failure:
        """`{"error": {"code", "message", "status"}}`, sometimes inside a list."""
        return read_failure(status, raw)
