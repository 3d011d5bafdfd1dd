"""A conversation to be compacted: a response but for what it is asked for.

What comes of it is sealed by who made it, and goes on as an item of the next request's input; so it
is asked of servers that have it, and no other can do it for them.
"""

from router.ask import Ask
from router.errors import BadRequest
from router.operations.response import parse_response
from router.protocols.headers import NO_HEADERS, Fields


def parse_compaction(raw: bytes, headers: Fields = NO_HEADERS) -> Ask:
    """Read the body of POST /v1/responses/compact; BadRequest where it is wrong."""
    ask = parse_response(raw, headers)
    if ask.stream:
        raise BadRequest("A compaction cannot be streamed.", param="stream")
    return ask._replace(
        operation="compaction",
        protocol="compactions",
        path="/responses/compact",
        classified=False,
    )
