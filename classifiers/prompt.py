"""What the classifier may see of a request: its words, not its settings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

SYSTEM_ROLES: Final = frozenset({"system", "developer"})
_TEXTS: Final = frozenset({"text", "refusal"})  # kinds of parts; the text stands under the kind


# Made for every request, and so not frozen at run time, which would cost four times as much.
# Nobody changes one.
@dataclass(slots=True, unsafe_hash=True)
class PromptTurn:
    """One message: who speaks (`user`, `assistant`, `tool` ...) and its text."""

    role: str
    text: str


@dataclass(slots=True, unsafe_hash=True)
class Prompt:
    """A conversation up to the point where an answer is wanted, oldest turn first.

    `system` joins the system and developer messages; `tools` are the names of the offered tools.
    """

    system: str = ""
    turns: tuple[PromptTurn, ...] = ()
    tools: tuple[str, ...] = ()

    @property
    def last_text(self) -> str:
        """The last turn's text, empty where there is none."""
        return self.turns[-1].text if self.turns else ""


def prompt_of_text(text: str) -> Prompt:
    """A conversation of one user message."""
    return Prompt(turns=(PromptTurn("user", text),))


def prompt_of_messages(messages: object, tools: object = None) -> Prompt:
    """Read the `messages` and `tools` of a chat request, skipping whatever is not text.

    It never raises: what is malformed is left out, since a guess about a prompt must not be the
    reason to refuse it. (The gateway refuses malformed requests before this point.)
    """
    system: list[str] = []
    turns: list[PromptTurn] = []
    for message in messages if isinstance(messages, list) else ():
        if not isinstance(message, Mapping):
            continue
        role = str(message.get("role") or "user")
        text = text_of_content(message.get("content"))
        if role in SYSTEM_ROLES:
            system.append(text)
        else:
            turns.append(PromptTurn(role, text))
    return Prompt("\n".join(system), tuple(turns), _tool_names(tools))


def text_of_content(content: object) -> str:
    """The text of a message's `content`: a string, or the text parts of a list of parts."""
    if isinstance(content, str):
        return content
    if not isinstance(content, Sequence):
        return ""
    parts = (part.get(part.get("type")) for part in content if _is_text(part))
    return "\n".join(part for part in parts if isinstance(part, str) and part)


def _is_text(part: object) -> bool:
    return isinstance(part, Mapping) and part.get("type") in _TEXTS


def _tool_names(tools: object) -> tuple[str, ...]:
    names: list[str] = []
    for tool in tools if isinstance(tools, list) else ():
        if not isinstance(tool, Mapping):
            continue
        function: Any = tool.get("function")
        # A hosted tool has a type and no name.
        name = function.get("name") if isinstance(function, Mapping) else tool.get("type")
        if isinstance(name, str):
            names.append(name)
    return tuple(names)
