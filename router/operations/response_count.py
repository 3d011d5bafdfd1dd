"""How many tokens a response would read: the request that asks for it."""

import orjson

from router.ask import Ask
from router.operations.response import parse_response
from router.protocols import known_keys
from router.protocols.document import parse_members
from router.protocols.headers import NO_HEADERS, Fields
from router.protocols.splice import splice


def parse_response_count(raw: bytes, headers: Fields = NO_HEADERS) -> Ask:
    """Read the body of POST /v1/responses/input_tokens: the same, but that it may name no model."""
    body, members, _ = parse_members(raw, known_keys.RESPONSES, known_keys.METERED_OF_RESPONSES)
    if body.get("model") is None:
        raw = splice(raw, members, {"model": b'"auto"'})
    return parse_response(raw, headers)


def write_response_count(tokens: int) -> bytes:
    """The answer to it."""
    return orjson.dumps({"object": "response.input_tokens", "input_tokens": tokens})
