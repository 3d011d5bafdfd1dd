"""How many tokens a response would read: the request that asks for it."""

import orjson

from router.ask import Ask
from router.operations.response import members_of, response_of
from router.protocols.headers import NO_HEADERS, Fields


def parse_response_count(raw: bytes, headers: Fields = NO_HEADERS) -> Ask:
    """Read the body of POST /v1/responses/input_tokens: the same, but that it may name no model."""
    parsed = members_of(raw)
    body = parsed[0]
    if body.get("model") is None:
        body["model"] = "auto"  # a backend is asked by its own name
    return response_of(raw, parsed, headers)


def write_response_count(tokens: int) -> bytes:
    """The answer to it."""
    return orjson.dumps({"object": "response.input_tokens", "input_tokens": tokens})
