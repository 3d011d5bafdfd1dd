"""The end of a stream that the gateway itself has to end: said in the protocol's own words."""

import time
from collections.abc import Iterable

import orjson


def length_events(request_id: str, model: str, why: str, choices: Iterable[int] = (0,)) -> bytes:
    """The last events of a chat stream that ends early: `finish_reason: length` for every choice
    that goes on, then [DONE].

    `why` stands beside it for people, in a field that no client minds.
    """
    chunk = {
        "id": f"chatcmpl-{request_id}",
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": model,
        "choices": [{"index": index, "delta": {}, "finish_reason": "length"} for index in choices],
        "turnout": {"ended": why},
    }
    return b"data: " + orjson.dumps(chunk) + b"\n\ndata: [DONE]\n\n"
