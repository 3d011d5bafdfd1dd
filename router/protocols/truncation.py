"""The end of a stream that the gateway itself has to end: said in the protocol's own words."""

import time

import orjson


def length_events(request_id: str, model: str, why: str) -> bytes:
    """The last events of a chat stream that ends early: `finish_reason: length`, then [DONE].

    `why` stands beside it for people, in a field that no client minds.
    """
    chunk = {
        "id": f"chatcmpl-{request_id}",
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": model,
        "choices": [{"index": 0, "delta": {}, "finish_reason": "length"}],
        "turnout": {"ended": why},
    }
    return b"data: " + orjson.dumps(chunk) + b"\n\ndata: [DONE]\n\n"
