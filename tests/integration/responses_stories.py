"""What servers of each protocol answer, story by story, and the tools that are called."""

import json
from typing import Any

from scripted import completion, generated, message

WEATHER: Any = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather of a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
    "strict": True,
}
PATCH: Any = {
    "type": "custom",
    "name": "apply_patch",
    "description": "Edits files.",
    "format": {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"},
}
TEXT = "Hello there."
CALL = {"city": "Oslo"}
PATCHED = '*** Begin Patch\n+"x"\n*** End Patch'
ANSWERS: dict[str, dict[str, Any]] = {
    "messages": {
        "text": message({"type": "text", "text": TEXT}),
        "call": message(
            {"type": "thinking", "thinking": "A city.", "signature": "c2lnbmVk"},
            {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": CALL},
            reason="tool_use",
        ),
        "patch": message(
            {
                "type": "tool_use",
                "id": "toolu_1",
                "name": "apply_patch",
                "input": {"input": PATCHED},
            },
            reason="tool_use",
        ),
        "json": message({"type": "text", "text": '{"name":"Oslo"}'}),
    },
    "gemini": {
        "text": generated({"text": TEXT}),
        "call": generated(
            {"text": "A city.", "thought": True},
            {
                "functionCall": {"name": "get_weather", "args": CALL},
                "thoughtSignature": "c2lnbmVk",
            },
        ),
        "patch": generated({"functionCall": {"name": "apply_patch", "args": {"input": PATCHED}}}),
        "json": generated({"text": '{"name":"Oslo"}'}),
    },
    "chat": {
        "text": completion(content=TEXT),
        "call": completion(
            reasoning_content="A city.",
            tool_calls=[
                {
                    "id": "call_1",
                    "type": "function",
                    "function": {"name": "get_weather", "arguments": json.dumps(CALL)},
                }
            ],
        ),
        "patch": completion(
            tool_calls=[
                {
                    "id": "call_1",
                    "type": "function",
                    "function": {
                        "name": "apply_patch",
                        "arguments": json.dumps({"input": PATCHED}),
                    },
                }
            ],
        ),
        "json": completion(content='{"name":"Oslo"}'),
    },
}
