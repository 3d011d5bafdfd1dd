"""Anthropic's Messages, answered: an answer written as a whole message."""

from types import MappingProxyType
from typing import Any, Final

from router.protocols.hub.answer import (
    MALFORMED,
    UNTOLD,
    Alternative,
    Answer,
    Stop,
)
from router.protocols.hub.conversation import (
    Audio,
    Call,
    Image,
    Opaque,
    Part,
    Refusal,
    Text,
    Thinking,
    Written,
)
from router.protocols.hub.values import arguments_object, new_id
from router.protocols.hub.writing import shown_text
from router.protocols.messages.answer_reader import REASONS
from router.protocols.messages.parts import MESSAGES, write_seal
from router.protocols.messages.usage import write_usage

STOP_REASONS: Final = MappingProxyType(
    {reason: fields for fields, reason in REASONS.items()}
    | {MALFORMED: "end_turn", UNTOLD: "end_turn"}
)


def write_stop(stop: Stop) -> dict[str, Any]:
    """Why a message ended, in its own words."""
    fields: dict[str, Any] = {
        "stop_reason": STOP_REASONS[stop.reason],
        "stop_sequence": stop.sequence,
    }
    if stop.details is not None:
        fields["stop_details"] = stop.details
    if stop.container is not None:
        fields["container"] = stop.container
    return fields


def write_answer(answer: Answer) -> Written:
    """A whole message: the first of the alternatives, since there is room for one."""
    alternative = answer.alternatives[0] if answer.alternatives else Alternative(())
    dropped: list[str] = []
    content: list[dict[str, Any]] = []
    for part in alternative.parts:
        content += write_answered(part, dropped)
    body = message_head(answer.id, answer.model)
    body |= {"content": content, **write_stop(alternative.stop or Stop())}
    body["usage"] = write_usage(answer.usage)
    return Written(body, tuple(dict.fromkeys(dropped)))


def message_head(id_: str, model: str | None) -> dict[str, Any]:
    """What every message begins with."""
    return {
        "id": id_ or new_id("msg_"),
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def write_answered(part: Part, dropped: list[str]) -> list[dict[str, Any]]:
    """A part of an answer as blocks; what these cannot say is named."""
    if isinstance(part, Text | Refusal):
        return [_text(part, dropped)] if part.text else []
    if isinstance(part, Thinking):
        return [write_thought(part)]
    if isinstance(part, Call):
        given = arguments_object(part.arguments)
        block = {"type": "tool_use", "id": part.id, "name": part.name, "input": given}
        return [block] if part.seal is None else [write_thought(Thinking("", part.seal)), block]
    if isinstance(part, Opaque) and part.protocol == MESSAGES:
        return [part.json]
    if isinstance(part, Image | Audio):
        return [{"type": "text", "text": shown_text(part, dropped)}]
    dropped.append(part.name if isinstance(part, Opaque) else type(part).__name__.lower())
    return []


def _text(part: Text | Refusal, dropped: list[str]) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "text", "text": part.text}
    if isinstance(part, Text) and part.citations:
        own = [cited.json for cited in part.citations if cited.protocol == MESSAGES]
        if own:
            block["citations"] = own
        if len(own) < len(part.citations):
            dropped.append("citations")
    return block


def write_thought(thought: Thinking) -> dict[str, Any]:
    """A thought with its seal, whoever made it."""
    seal = thought.seal
    if seal is not None and seal.kind == "redacted":
        return {"type": "redacted_thinking", "data": seal.data}
    return {"type": "thinking", "thinking": thought.text, "signature": write_seal(seal)}
