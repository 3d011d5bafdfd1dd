"""Anthropic's Messages, answered: a whole message read as an answer."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from router.protocols.hub.answer import (
    CALLS,
    END,
    LENGTH,
    PAUSE,
    REFUSAL,
    SEQUENCE,
    WINDOW,
    Alternative,
    Answer,
    Stop,
)
from router.protocols.hub.values import name_of
from router.protocols.messages.parts import read_blocks
from router.protocols.messages.usage import read_lines, refuse_message_error
from router.protocols.passage import MalformedReply

REASONS: Final = MappingProxyType(
    {
        "end_turn": END,
        "stop_sequence": SEQUENCE,
        "max_tokens": LENGTH,
        "model_context_window_exceeded": WINDOW,
        "tool_use": CALLS,
        "refusal": REFUSAL,
        "pause_turn": PAUSE,
    }
)


def read_answer(body: Mapping[str, Any]) -> Answer:
    """A whole message; ErrorInside where it is an error, MalformedReply where it is none."""
    refuse_message_error(body)
    if not isinstance(body.get("content"), list):
        raise MalformedReply("answered without content that can be read")
    model = body.get("model")
    alternative = Alternative(read_blocks(body["content"]), read_stop(body))
    return Answer(
        name_of(body.get("id")),
        model if isinstance(model, str) else None,
        (alternative,),
        read_lines(body.get("usage")),
    )


def read_stop(message: Mapping[str, Any]) -> Stop:
    """Why a message ended, of a whole one or of the delta that says so."""
    reason = REASONS.get(name_of(message.get("stop_reason")), END)
    return Stop(reason, name_of(message.get("stop_sequence")) or None, message.get("stop_details"))
