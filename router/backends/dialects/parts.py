"""The choices of an answer: of the shape that everybody downstream relies on, or refused.

Content may be a list of parts where OpenAI's is a text.

Some servers (Mistral's and Databricks' reasoning models) say `content: [{"type": "thinking", ...},
{"type": "text", ...}]`. Clients expect a text, and the reasoning beside it.
"""

from typing import Any

from router.backends.dialects.base import MalformedReply


def checked_choices(told: dict[str, Any], holder: str) -> list[dict[str, Any]]:
    """The choices of a body (`holder` is "message") or of a chunk ("delta", which may be missing).

    MalformedReply where what a client or the gateway reads of them has another shape.
    """
    choices = told.get("choices")
    if choices is None and holder == "delta":
        return []
    if not isinstance(choices, list) or not all(_is_choice(one, holder) for one in choices):
        raise MalformedReply("answered without choices that can be read")
    return choices


def _is_choice(choice: Any, holder: str) -> bool:
    if not isinstance(choice, dict) or not isinstance(choice.get("index", 0), int):
        return False
    held = choice.get(holder)
    if held is None:
        return holder == "delta"
    return (
        isinstance(held, dict)
        and isinstance(held.get("content"), str | list | None)
        and _are_calls(held.get("tool_calls"), whole=holder == "message")
    )


def _are_calls(calls: Any, *, whole: bool) -> bool:
    """Whether these are tool calls; those of a stream may lack what an earlier chunk told."""
    if calls is None:
        return True
    if not isinstance(calls, list):
        return False
    for call in calls:
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict):
            return False
        told = (function.get("name"), function.get("arguments"))
        if not all(isinstance(text, str | None) for text in told) or (whole and None in told):
            return False
    return True


def flatten(holder: dict[str, Any]) -> bool:
    """Make a message's or delta's list of parts a text and a `reasoning_content`; whether it was
    one. The holder is changed."""
    content = holder.get("content")
    if not isinstance(content, list):
        return False
    said: list[str] = []
    thought: list[str] = []
    for part in content:
        if isinstance(part, dict):
            (said if part.get("type") == "text" else thought).append(_text(part))
        elif isinstance(part, str):
            said.append(part)
    holder["content"] = "".join(said)
    if any(thought):
        holder["reasoning_content"] = "".join(thought)
    return True


def _text(part: dict[str, Any]) -> str:
    """The text of a part, at whatever of the known places it stands."""
    told = part.get("text") or part.get("thinking") or part.get("summary") or ""
    if isinstance(told, list):
        return "".join(_text(inner) for inner in told if isinstance(inner, dict))
    return told if isinstance(told, str) else ""
