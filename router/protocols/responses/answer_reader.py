"""Responses, answered: a whole response read as an answer."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from router.protocols.error_inside import refuse_error_inside
from router.protocols.hub.answer import (
    CALLS,
    END,
    LENGTH,
    REFUSAL,
    Alternative,
    Answer,
    Logprob,
    Stop,
)
from router.protocols.hub.conversation import Call, Part, Refusal
from router.protocols.hub.values import name_of
from router.protocols.passage import MalformedReply
from router.protocols.responses.errors import refuse_failed
from router.protocols.responses.items import read_answered
from router.protocols.responses.parts import mapping_of
from router.protocols.responses.usage import lines_of_response

_INCOMPLETE: Final = MappingProxyType({"content_filter": REFUSAL})


def read_answer(body: Mapping[str, Any]) -> Answer:
    """A whole response; ErrorInside where it failed, MalformedReply where it is none."""
    refuse_failed(body)
    refuse_error_inside(body)
    output = body.get("output")
    if not isinstance(output, list):
        raise MalformedReply("answered without output that can be read")
    parts: list[Part] = []
    logprobs: list[Logprob] = []
    for item in output:
        kind = str(item["type"])
        parts += read_answered(item, kind)
        if kind == "message":
            for part in item["content"]:
                logprobs += read_logprobs(part.get("logprobs"))
    model = body.get("model")
    stop = read_stop(body, parts)
    return Answer(
        name_of(body.get("id")),
        model if isinstance(model, str) else None,
        (Alternative(tuple(parts), stop, tuple(logprobs)),),
        lines_of_response(body),
    )


def read_stop(response: Mapping[str, Any], parts: Iterable[Part]) -> Stop:
    """Why a response ended; its parts tell, where nothing went wrong."""
    if response.get("status") == "incomplete":
        reason = name_of(mapping_of(response.get("incomplete_details")).get("reason"))
        return Stop(_INCOMPLETE.get(reason, LENGTH))
    kinds = {type(part) for part in parts}
    return Stop(CALLS if Call in kinds else REFUSAL if Refusal in kinds else END)


def read_logprobs(logprobs: Any) -> tuple[Logprob, ...]:
    """The tokens' log-probabilities, where the server reports them."""
    if not isinstance(logprobs, list):
        return ()
    return tuple(
        [_logprob(token) for token in logprobs if isinstance(token.get("logprob"), int | float)]
    )


def _logprob(token: Mapping[str, Any]) -> Logprob:
    top = [
        Logprob(name_of(one.get("token")), one["logprob"], one.get("bytes"))
        for one in token.get("top_logprobs") or ()
        if isinstance(one.get("logprob"), int | float)
    ]
    return Logprob(name_of(token.get("token")), token["logprob"], token.get("bytes"), tuple(top))
