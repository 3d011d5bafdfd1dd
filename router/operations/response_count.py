"""How many tokens a response would read: counted by length, as holds are."""

import orjson

from router.ask import KEPT_ELSEWHERE, Ask
from router.errors import BadRequest
from router.operations.response import parse_response
from router.protocols import known_keys
from router.protocols.document import parse_members
from router.protocols.headers import NO_HEADERS, Fields
from router.protocols.splice import splice
from router.protocols.usage import estimate_input


def parse_countable(raw: bytes, headers: Fields = NO_HEADERS) -> Ask:
    """Read the body of POST /v1/responses/input_tokens: the same, but that it may name no model."""
    body, members = parse_members(raw, known_keys.RESPONSES, known_keys.METERED_OF_RESPONSES)
    if body.get("model") is None:
        raw = splice(raw, members, {"model": b'"auto"'})
    return parse_response(raw, headers)


def input_tokens_of(ask: Ask) -> bytes:
    """The gateway's own estimate, by length. Raises BadRequest where nobody here can read it."""
    if not ask.features.isdisjoint(KEPT_ELSEWHERE):
        raise BadRequest("What a provider keeps cannot be counted here. Send it whole in 'input'.")
    count = max(1, estimate_input(ask))
    return orjson.dumps({"object": "response.input_tokens", "input_tokens": count})
