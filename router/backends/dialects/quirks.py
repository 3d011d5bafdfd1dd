"""A chat body as one particular server of the OpenAI family takes it, by its quirks."""

from typing import Any

from router.ask import Ask
from router.backends.backend import Backend
from router.protocols.quirks import reshape, reshape_message, reshape_parameters


def shaped_body(backend: Backend, request: Ask) -> dict[str, Any]:
    """The client's body under the backend's model name, with the gateway's wish for usage."""
    quirks = backend.quirks
    body = {**request.body, **quirks.extra, "model": backend.model}
    if request.stream and not request.include_usage and quirks.stream_options:
        body["stream_options"] = {**(body.get("stream_options") or {}), "include_usage": True}
    if not quirks.touched.isdisjoint(body):  # one look for all parameters together
        reshape(body, quirks, request.max_output_tokens)
    # The raw bytes tell quickly that no message has the role.
    if quirks.reshapes_messages or (not quirks.developer_role and b'"developer"' in request.raw):
        body["messages"] = [
            reshape_message(message, quirks) for message in request.body["messages"]
        ]
    return body


def shaped_message(backend: Backend, request: Ask) -> dict[str, Any]:
    """A message's body under the backend's model name; of quirks, those of parameters count."""
    quirks = backend.quirks
    body = {**request.body, **quirks.extra, "model": backend.model}
    if not quirks.touched.isdisjoint(body):
        reshape_parameters(body, quirks)
    return body
