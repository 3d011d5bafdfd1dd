"""A response that is only prepared (`generate: false` over a WebSocket): nothing is asked or paid.

Its client continues it, so that what it sent need not be sent again.
"""

import time

import orjson

from router.operations.operation import Preparation
from router.operations.response import parse_response
from router.protocols.envelope import error_body
from router.protocols.responses.echo import Around
from router.protocols.sse import encode

_NOTHING_USED = {
    "input_tokens": 0,
    "input_tokens_details": {"cached_tokens": 0},
    "output_tokens": 0,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 0,
}


def warm_up(raw: bytes) -> bytes:
    """The events of a response that says nothing. Raises BadRequest where its body is wrong."""
    ask = parse_response(raw)
    around = Around(ask, int(time.time()))
    around.begin("", ask.model)
    stages = (
        ("response.created", around.response("in_progress", [])),
        ("response.completed", around.response("completed", [], _NOTHING_USED)),
    )
    return b"".join(
        [
            encode(
                orjson.dumps({"type": kind, "sequence_number": number, "response": response}),
                kind.encode(),
            )
            for number, (kind, response) in enumerate(stages)
        ]
    )


WARM_UP = Preparation("/v1/responses", warm_up, error_body)
