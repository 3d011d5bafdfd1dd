"""What is sent: the same bytes to every system."""

import json

SENTENCE = (
    "Please explain in a few sentences how a railway turnout guides a train from one track to "
    "another, why the crossing wears out first, and what an inspector looks at. "
)
# A name that every system maps to its one upstream; LiteLLM knows its price, Turnout's policy has
# it as an alias of its route `auto`.
MODEL = "gpt-4o-mini"


def chat(
    size: int = 1_000,
    *,
    model: str = MODEL,
    stream: bool = False,
    tokens: int = 50,
    pace_ms: int = 0,
    number: int | None = None,
) -> bytes:
    """A chat request with a prompt of `size` characters. `pace_ms`: between two streamed tokens.

    With a `number` it begins a conversation of its own.
    """
    text = (SENTENCE * (size // len(SENTENCE) + 1))[:size]
    if number is not None:
        text = f"{number:06d} {text}"[:size]
    body: dict[str, object] = {
        "model": model,
        "messages": [
            {"role": "system", "content": "You are a patient teacher."},
            {"role": "user", "content": text},
        ],
        "max_tokens": tokens,
    }
    if stream:
        body["stream"] = True
    if pace_ms:
        body["seed"] = pace_ms
    return json.dumps(body).encode()


_FILES = ("switch.py", "frog.py", "signal.py", "crossing.py", "ballast.py", "sleeper.py")


def _parameters() -> dict[str, object]:
    return {
        "type": "object",
        "properties": {
            "path": {"type": "string", "description": "Path relative to the workspace root."},
            "line": {"type": "integer", "description": "First line, counted from one."},
            "text": {"type": "string", "description": "What to look for or to write."},
        },
        "required": ["path"],
    }


_TOOLS = ("read", "write", "search", "list", "run", "diff", "undo", "ask")
_TOOL = "A tool of the workspace; its result is the text that a person would see, cut at 4 KB. "


def agent(*, model: str = MODEL, stream: bool = False, number: int = 0) -> bytes:
    """A coding agent's request late in its work: 55 messages, 8 tools, about 18 KB."""
    turns: list[dict[str, object]] = [
        {"role": "system", "content": "You are a careful engineer. " + SENTENCE * 5},
        {"role": "user", "content": f"Find why the tests of {_FILES[0]} fail. " + SENTENCE},
    ]
    for step in range(26):
        function = {
            "name": _TOOLS[step % len(_TOOLS)],
            "arguments": json.dumps({"path": _FILES[step % len(_FILES)], "line": step}),
        }
        call = {"id": f"call_{step:04d}", "type": "function", "function": function}
        turns.append({"role": "assistant", "content": None, "tool_calls": [call]})
        result = {"role": "tool", "tool_call_id": call["id"], "content": f"{step}: {SENTENCE}" * 2}
        turns.append(result)
    turns.append({"role": "user", "content": f"Look again, attempt {number:06d}."})
    tools = [
        {
            "type": "function",
            "function": {"name": name, "description": _TOOL * 2, "parameters": _parameters()},
        }
        for name in _TOOLS
    ]
    body = {"model": model, "messages": turns, "tools": tools, "max_tokens": 400}
    return json.dumps(body | ({"stream": True} if stream else {})).encode()


def messages(
    *, model: str = MODEL, stream: bool = False, tokens: int = 50, number: int = 0
) -> bytes:
    """A request to /v1/messages with tools, in the middle of their use."""
    use = {"type": "tool_use", "id": "toolu_01", "name": "read", "input": {"path": _FILES[0]}}
    result = {"type": "tool_result", "tool_use_id": "toolu_01", "content": SENTENCE}
    body = {
        "model": model,
        "system": "You are a careful engineer.",
        "max_tokens": tokens,
        "messages": [
            {"role": "user", "content": f"{number:06d} {SENTENCE}"},
            {"role": "assistant", "content": [{"type": "text", "text": "I look."}, use]},
            {"role": "user", "content": [result, {"type": "text", "text": "Go on."}]},
        ],
        "tools": [
            {"name": name, "description": _TOOL, "input_schema": _parameters()} for name in _TOOLS
        ],
    }
    return json.dumps(body | ({"stream": True} if stream else {})).encode()
