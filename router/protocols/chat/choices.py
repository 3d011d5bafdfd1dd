"""The choices of an answer: of the shape that everybody downstream relies on, or refused.

Content may be a list of parts where OpenAI's is a text.

Some servers (Mistral's and Databricks' reasoning models) say `content: [{"type": "thinking", ...},
{"type": "text", ...}]`. Clients expect a text, and the reasoning beside it.
"""

from typing import Any, Final

from router.protocols.hub.values import arguments_text
from router.protocols.passage import MalformedReply

_TEXT: Final = (str, type(None))
_ARGUMENTS: Final = (*_TEXT, dict, list)
_CONTENT: Final = (*_TEXT, list)


def is_one_text(choices: Any) -> bool:
    """Whether these are the choices of nearly every whole answer: one message, which is a text.

    Then there is nothing to check and nothing to flatten: one quick look instead of two walks. Of
    all that JSON knows only an object can be asked for a key, so asking is the check.
    """
    try:
        (choice,) = choices
        message = choice["message"]
        plain = type(message["content"]) is str and type(choice["index"]) is int
    except (TypeError, KeyError, ValueError):
        return False
    return plain and "tool_calls" not in message


def checked_choices(answer: dict[str, Any], holder: str) -> list[dict[str, Any]]:
    """The choices of a body (`holder` is "message") or of a chunk ("delta", which may be missing).

    MalformedReply where what a client or the gateway reads of them has another shape.
    """
    choices = answer.get("choices")
    if choices is None and holder == "delta":
        return []
    if not isinstance(choices, list):
        raise MalformedReply("answered without choices that can be read")
    for choice in choices:
        if not _is_choice(choice, holder):
            raise MalformedReply("answered without choices that can be read")
    return choices


def _is_choice(choice: Any, holder: str) -> bool:
    if not isinstance(choice, dict) or not isinstance(choice.get("index", 0), int):
        return False
    held = choice.get(holder)
    if held is None:
        return holder == "delta"
    if not isinstance(held, dict) or not isinstance(held.get("content"), _CONTENT):
        return False
    calls = held.get("tool_calls")
    return calls is None or _are_calls(calls, name=str if holder == "message" else _TEXT)


def _are_calls(calls: Any, *, name: Any) -> bool:
    """Whether these are tool calls, their names of these types: a stream tells each once."""
    if not isinstance(calls, list):
        return False
    for call in calls:
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict):
            return False
        if not isinstance(function.get("name"), name):
            return False
        if not isinstance(function.get("arguments"), _ARGUMENTS):
            return False
    return True


def mend_calls(choices: list[dict[str, Any]], holder: str) -> bool:
    """Make the arguments of calls a text, in place; whether any were none.

    Servers leave them out for tools without parameters, say null, or an object. In a stream what is
    left out may have been told before, or follow.
    """
    changed = False
    for choice in choices:
        for call in (choice.get(holder) or {}).get("tool_calls") or ():
            function = call["function"]
            arguments = function.get("arguments")
            if type(arguments) is not str and (holder == "message" or arguments is not None):
                function["arguments"] = arguments_text(arguments)
                changed = True
    return changed


def flatten(choices: list[dict[str, Any]], holder: str) -> bool:
    """Make lists of parts a text and a `reasoning_content`, in place; whether there were any."""
    changed = False
    for choice in choices:
        held = choice.get(holder)
        content = held.get("content") if held else None
        if isinstance(content, list):
            _flatten(held, content)
            changed = True
    return changed


def _flatten(holder: Any, content: list[Any]) -> None:
    texts: list[str] = []
    thought: list[str] = []
    for part in content:
        if isinstance(part, dict):
            (texts if part.get("type") == "text" else thought).append(_text(part))
        elif isinstance(part, str):
            texts.append(part)
    holder["content"] = "".join(texts)
    if any(thought):
        holder["reasoning_content"] = "".join(thought)


def _text(part: dict[str, Any]) -> str:
    """The text of a part, at whatever of the known places it stands."""
    text = part.get("text") or part.get("thinking") or part.get("summary") or ""
    if isinstance(text, list):
        return "".join(_text(inner) for inner in text if isinstance(inner, dict))
    return text if isinstance(text, str) else ""
