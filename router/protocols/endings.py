"""What answers are called and why they ended: read by those who tell of a request, after it.

An answer that goes through as it came is looked into once, for what is metered. What its parts say
beyond that is kept as they were read, and understood here only where somebody asks.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import orjson

from router.protocols.passage import Ending

Told = Sequence[Mapping[str, Any]]
LARGEST: Final = 1_000_000  # bytes of a body that is read once more for this
_LONGEST: Final = 128  # characters of what a server says
_NOTHING: Final = Ending()


def chat_ending(told: Told) -> Ending:
    """The ending of a chat completion, or of its chunks that ended a choice."""
    reasons: dict[int, str] = {}
    for body in told:
        for place, choice in enumerate(_objects(body.get("choices"))):
            reason, index = _word(choice.get("finish_reason")), choice.get("index")
            if reason:
                reasons[index if isinstance(index, int) else place] = reason
    return Ending(_id(told), tuple([reasons[index] for index in sorted(reasons)]))


def message_ending(told: Told) -> Ending:
    """The ending of a message, or of the message that began a stream and its last delta."""
    reasons = [reason for body in told if (reason := _word(body.get("stop_reason")))]
    return Ending(_id(told), tuple(reasons[-1:]))


def response_ending(told: Told) -> Ending:
    """The ending of a response, or of the event that ended its stream: why it is not complete, or
    its status.
    """
    reasons = []
    for body in told:
        why = body.get("incomplete_details")
        reason = _word(why.get("reason")) if isinstance(why, dict) else ""
        reasons.append(reason or _word(body.get("status")))
    return Ending(_id(told), tuple([reason for reason in reasons[-1:] if reason]))


def content_ending(told: Told) -> Ending:
    """The ending of a response of Google's, or of those of a stream that ended a candidate."""
    reasons = [
        reason
        for body in told
        for candidate in _objects(body.get("candidates"))
        if (reason := _word(candidate.get("finishReason")))
    ]
    name = next((name for body in told if (name := _word(body.get("responseId")))), None)
    return Ending(name, tuple(reasons))


def ending_of_body(read: Callable[[Told], Ending], body: bytes) -> Ending:
    """The ending of a whole answer; one that is very large is not read again."""
    if len(body) > LARGEST:
        return _NOTHING
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return _NOTHING
    return read([answer]) if isinstance(answer, dict) else _NOTHING


def _objects(held: Any) -> list[Mapping[str, Any]]:
    return [one for one in held if isinstance(one, dict)] if isinstance(held, list) else []


def _id(told: Told) -> str | None:
    return next((name for body in told if (name := _word(body.get("id")))), None)


def _word(held: Any) -> str:
    return held[:_LONGEST] if isinstance(held, str) else ""
