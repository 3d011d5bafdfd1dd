"""A chat body as one particular server of the OpenAI family takes it, by its quirks."""

import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Final

from router.ask import Ask
from router.backends.backend import Backend
from router.backends.quirks import Quirks

_SHORT_ID: Final = re.compile(r"[a-zA-Z0-9]{9}")


def shaped_body(backend: Backend, request: Ask) -> dict[str, Any]:
    """The client's body under the backend's model name, with the gateway's wish for usage."""
    quirks = backend.quirks
    body = {**request.body, **quirks.extra, "model": backend.model}
    if request.stream and not request.include_usage and quirks.stream_options:
        body["stream_options"] = {**(body.get("stream_options") or {}), "include_usage": True}
    if not quirks.touched.isdisjoint(body):  # one look for all parameters together
        _reshape(body, quirks, request)
    # The raw bytes tell quickly that no message has the role.
    if quirks.reshapes_messages or (not quirks.developer_role and b'"developer"' in request.raw):
        body["messages"] = [_message(message, quirks) for message in request.body["messages"]]
    return body


def _reshape(body: dict[str, Any], quirks: Quirks, request: Ask) -> None:
    """Make the parameters of a body what a server takes that differs from OpenAI's own."""
    if not quirks.stream_options:
        body.pop("stream_options", None)
    if quirks.token_param is not None and request.max_output_tokens is not None:
        body.pop("max_tokens", None)
        body.pop("max_completion_tokens", None)
        body[quirks.token_param] = request.max_output_tokens
    for name in quirks.drop:
        body.pop(name, None)
    for old, new in quirks.rename.items():
        if old in body:
            body[new] = body.pop(old)
    for name, values in quirks.values.items():
        told = body.get(name)
        if isinstance(told, str) and told in values:
            body[name] = values[told]


def _message(message: Mapping[str, Any], quirks: Quirks) -> dict[str, Any]:
    """One message in the server's shape."""
    shaped = {key: value for key, value in message.items() if key not in quirks.message_drop}
    if not quirks.developer_role and shaped.get("role") == "developer":
        shaped["role"] = "system"
    content = shaped.get("content")
    if quirks.plain_content and isinstance(content, list):
        shaped["content"] = _plain(content)
    if quirks.short_call_ids:
        if shaped.get("tool_calls"):
            shaped["tool_calls"] = [
                call | {"id": _short(call.get("id"))} for call in shaped["tool_calls"]
            ]
        if shaped.get("tool_call_id"):
            shaped["tool_call_id"] = _short(shaped["tool_call_id"])
    return shaped


def _plain(content: list[Any]) -> Any:
    """Text parts as one text; content that holds anything else stays as it is."""
    if all(isinstance(part, Mapping) and part.get("type") == "text" for part in content):
        return "\n".join(str(part.get("text", "")) for part in content)
    return content


def _short(call_id: Any) -> str:
    """A tool call's id of nine letters and digits: its own where it is one, else made from it."""
    told = str(call_id)
    return (
        told if _SHORT_ID.fullmatch(told) else blake2b(told.encode(), digest_size=8).hexdigest()[:9]
    )
