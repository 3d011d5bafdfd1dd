"""Answers whose content is a list of parts, where OpenAI's is a text.

Some servers (Mistral's and Databricks' reasoning models) say `content: [{"type": "thinking", ...},
{"type": "text", ...}]`. Clients expect a text, and the reasoning beside it.
"""

from typing import Any


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
