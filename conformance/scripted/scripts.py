"""What is said to which job: the same words in every protocol.

A prompt names its job by a marker, `[job:tools]`, wherever a client puts it; the number of results
that a request brings says how far the job has come. What is answered shows what arrived: the text
of results, the digest of an image, the schema that was asked for.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from conformance.scripted.heard import Heard

_MARKER: Final = re.compile(r"\[job:(\w+)(?: ([^\]\s]+))?\]")
HELLO: Final = "Hello from the scripted model."
STORY: Final = "One two three, this answer comes in many pieces, as a model would write it. Done."
PERSON: Final = MappingProxyType({"name": "Ada", "age": 36})
BEFORE: Final = "Hello wrold\n"
AFTER: Final = "Hello world\n"
QUERY: Final = "who wrote the first program"
SOURCE: Final = "https://example.org/ada"
FOUND: Final = "Ada Lovelace wrote it."
THOUGHT: Final = "Let me think."
SEAL: Final = "c2VhbGVkIGJ5IHRoZSBzY3JpcHQ="
CACHED: Final = 16  # of the tokens of a prompt


@dataclass(frozen=True, slots=True)
class Call:
    """A tool that the model calls. `arguments` is a text where the tool takes free text."""

    name: str
    arguments: Mapping[str, Any] | str


@dataclass(frozen=True, slots=True)
class Said:
    """One answer: text, or calls in its place. Before it may stand a thought, and what the server
    searched for by itself; `cached` tokens of the prompt were known."""

    text: str = ""
    calls: tuple[Call, ...] = ()
    thought: str = ""
    search: str = ""
    cached: int = 0


def _say(_heard: Heard, _path: str) -> Said:
    return Said(HELLO)


def _stream(_heard: Heard, _path: str) -> Said:
    return Said(STORY)


def _tools(heard: Heard, _path: str) -> Said:
    # Some clients tell results as the user's text.
    results = heard.results or re.findall(r"21 degrees in \w+", " ".join(heard.texts))
    if results:
        said = "The tools said: " + "; ".join(sorted(results))
        if "final_answer" in heard.tools:  # smolagents ends with a call
            return Said(calls=(Call("final_answer", {"answer": said}),))
        return Said(said)
    name = next((name for name in heard.tools if "weather" in name.lower()), None)
    if name is None:
        return Said("No tool was offered.")
    return Said(calls=(Call(name, {"city": "Paris"}), Call(name, {"city": "Oslo"})))


def _structured(heard: Heard, _path: str) -> Said:
    """By the schema, else by a call of the tool that stands for one."""
    if heard.schema is not None or not heard.tools:
        held = dict(PERSON) if heard.schema is not None else {"name": "no schema", "age": 0}
        return Said(json.dumps(held))
    return Said(calls=(Call(next(iter(heard.tools)), dict(PERSON)),))


def _json(_heard: Heard, _path: str) -> Said:
    return Said(json.dumps(dict(PERSON)))


def _vision(heard: Heard, _path: str) -> Said:
    return Said(f"I see {len(heard.images)}: {' '.join(heard.images)}.")


def _search(heard: Heard, _path: str) -> Said:
    if not any(kind.startswith("web_search") for kind in heard.hosted):
        return Said("No search was offered.")
    return Said(FOUND, search=QUERY)


def _reason(heard: Heard, _path: str) -> Said:
    """A thought, sealed; then whether the seal came back."""
    if heard.sealed:
        return Said(f"I get back: {' '.join(heard.sealed)}")
    return Said(HELLO, thought=THOUGHT)


def _cached(_heard: Heard, _path: str) -> Said:
    return Said(HELLO, cached=CACHED)


def _state(heard: Heard, _path: str) -> Said:
    """All that the user has said so far, whoever remembers it."""
    return Said("You said: " + " ".join(_MARKER.sub("", text).strip() for text in heard.texts))


def _edit(heard: Heard, path: str) -> Said:
    """The next step of a file's edit, by the first set of tools that the client offers."""
    for needed, steps in EDITS:
        if needed <= heard.tools.keys():
            if len(heard.results) < len(steps):
                name, arguments = steps[len(heard.results)]
                return Said(calls=(Call(name, _filled(arguments, path)),))
            return Said("The file is mended.")
    if heard.tools:
        return Said("No known tool: " + ", ".join(heard.tools))
    return Said(_filled(SEARCH_AND_REPLACE, path))


def _filled(held: Any, path: str) -> Any:
    if isinstance(held, str):
        return held.replace("{path}", path).replace("{file}", path.rpartition("/")[2])
    if isinstance(held, list):
        return [_filled(value, path) for value in held]
    return {key: _filled(value, path) for key, value in held.items()}


_CHANGE: Final = MappingProxyType({"old_string": "wrold", "new_string": "world"})
_AT: Final = MappingProxyType({"file_path": "{path}"})
PATCH: Final = (
    "*** Begin Patch\n*** Update File: {file}\n@@\n-Hello wrold\n+Hello world\n*** End Patch\n"
)
# aider's own form, for models that are given no tools.
SEARCH_AND_REPLACE: Final = (
    "{file}\n```\n<<<<<<< SEARCH\nHello wrold\n=======\nHello world\n>>>>>>> REPLACE\n```\n"
)
Steps = Sequence[tuple[str, Any]]
EDITS: Final[Sequence[tuple[frozenset[str], Steps]]] = (
    (  # Claude Code
        frozenset({"Read", "Edit", "Bash"}),
        (("Read", _AT), ("Edit", {**_AT, **_CHANGE})),
    ),
    (  # Continue
        frozenset({"Read", "MultiEdit"}),
        (
            ("Read", {"filepath": "{path}"}),
            ("MultiEdit", {**_AT, "edits": [dict(_CHANGE)]}),
        ),
    ),
    (  # Gemini CLI
        frozenset({"read_file", "replace"}),
        (
            ("read_file", _AT),
            ("replace", {**_AT, **_CHANGE, "instruction": "Mend the spelling."}),
        ),
    ),
    (  # Qwen Code
        frozenset({"read_file", "edit"}),
        (("read_file", _AT), ("edit", {**_AT, **_CHANGE})),
    ),
    (  # opencode
        frozenset({"read", "edit"}),
        (
            ("read", {"filePath": "{path}"}),
            ("edit", {"filePath": "{path}", "oldString": "wrold", "newString": "world"}),
        ),
    ),
    (frozenset({"apply_patch"}), (("apply_patch", PATCH),)),  # Codex
    (  # Codex without a patch tool
        frozenset({"exec_command"}),
        (("exec_command", {"cmd": "sed -i s/wrold/world/ {path}"}),),
    ),
    (
        frozenset({"shell"}),
        (("shell", {"command": "sed -i s/wrold/world/ {path}"}),),
    ),
)

SCRIPTS: Final[Mapping[str, Callable[[Heard, str], Said]]] = MappingProxyType(
    {
        "say": _say,
        "stream": _stream,
        "tools": _tools,
        "structured": _structured,
        "json": _json,
        "vision": _vision,
        "edit": _edit,
        "search": _search,
        "reason": _reason,
        "cached": _cached,
        "state": _state,
    }
)


def scripted(heard: Heard) -> Said | None:
    """What the script says next, where the prompt names a job."""
    found = [mark for text in heard.texts for mark in _MARKER.findall(text)]
    if not found:
        return None
    name, path = found[-1]
    return SCRIPTS[name](heard, path)
