"""Histories as the clients of each protocol send them back, and what they hold."""

from dataclasses import dataclass
from typing import Any

import orjson

from router.ask import Ask
from router.operations.chat import parse_chat
from router.operations.message import parse_message
from router.operations.response import parse_response

PIXEL = "iVBORw0KGgo="
PDF = "JVBERi0xLjQ="
PARSERS = {"chat": parse_chat, "messages": parse_message, "responses": parse_response}
IMAGE_URL = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
SOURCE = {"type": "base64", "media_type": "image/png", "data": PIXEL}
WEATHER: dict[str, Any] = {"type": "object", "properties": {"city": {"type": "string"}}}


@dataclass(frozen=True, slots=True)
class History:
    """One of them: `said` are its texts, in the order in which a model must read them, `calls` the
    names and arguments of its calls in theirs, `returned` what each of these returned, and `seals`
    what `issuer` alone may see again."""

    protocol: str
    body: dict[str, Any]
    said: tuple[str, ...]
    calls: tuple[tuple[str, Any], ...] = ()
    returned: tuple[str, ...] = ()
    images: int = 0
    seals: tuple[str, ...] = ()
    issuer: str = ""
    only: frozenset[str] = frozenset()  # where it can go on at all; none: everywhere

    def ask(self) -> Ask:
        return PARSERS[self.protocol](orjson.dumps({"model": "a", **self.body}))


def _chat(*messages: Any, **more: Any) -> dict[str, Any]:
    return {"messages": list(messages), **more}


def _called(*calls: Any, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": None, "tool_calls": list(calls), **more}


def _call(id_: str, city: str, **more: Any) -> dict[str, Any]:
    function = {"name": f"weather_{city}", "arguments": f'{{"city":"{city}"}}'}
    return {"id": id_, "type": "function", "function": function, **more}


def _result(id_: str, content: Any) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": id_, "content": content}


def _user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def _messages(*messages: Any, **more: Any) -> dict[str, Any]:
    return {"max_tokens": 999, "messages": list(messages), **more}


def _said(*content: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": list(content)}


def _told(*content: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(content)}


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _used(id_: str, city: str) -> dict[str, Any]:
    return {"type": "tool_use", "id": id_, "name": f"weather_{city}", "input": {"city": city}}


def _answered(id_: str, content: Any, **more: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": id_, "content": content, **more}


def _item(role: str, text: str) -> dict[str, Any]:
    kind = "output_text" if role == "assistant" else "input_text"
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}


OSLO = ("weather_oslo", {"city": "oslo"})
ROME = ("weather_rome", {"city": "rome"})
PATCH = ("patch", "*** Begin Patch")

HISTORIES = {
    "chat from OpenAI, calls side by side": History(
        "chat",
        _chat(
            {"role": "developer", "content": "Be brief."},
            _user("Oslo and Rome?"),
            _called(_call("call_1", "oslo"), _call("call_2", "rome"), refusal=None, audio=None),
            _result("call_1", "rain"),
            _result("call_2", [_text("sun")]),
            {"role": "assistant", "content": "Rain there, sun here.", "annotations": []},
            _user("And now?"),
        ),
        ("Be brief.", "Oslo and Rome?", "Rain there, sun here.", "And now?"),
        (OSLO, ROME),
        ("rain", "sun"),
    ),
    "chat from DeepSeek, with what it thought": History(
        "chat",
        _chat(
            _user("Oslo?"),
            _called(_call("call_0_a:b.c", "oslo"), content="", reasoning_content="I look it up."),
            _result("call_0_a:b.c", "rain"),
        ),
        ("Oslo?",),
        (OSLO,),
        ("rain",),
    ),
    "chat from Gemini's OpenAI-compatible server": History(
        "chat",
        _chat(
            _user("Oslo and Rome?"),
            _called(
                _call("", "oslo", extra_content={"google": {"thought_signature": "c2lnbg=="}}),
                _call("", "rome"),
            ),
            _result("", "rain"),
            _result("", "sun"),
        ),
        ("Oslo and Rome?",),
        (OSLO, ROME),
        ("rain", "sun"),
        seals=("c2lnbg==",),
        issuer="gemini",
    ),
    "chat from Claude by way of the gateway": History(
        "chat",
        _chat(
            _user("Oslo?"),
            _called(
                _call("toolu_1", "oslo"),
                reasoning_content="I look it up.",
                thinking_blocks=[
                    {"type": "thinking", "thinking": "I look it up.", "signature": "Q2xhdWRl"},
                    {"type": "redacted_thinking", "data": "c2VjcmV0"},
                ],
            ),
            _result("toolu_1", "rain"),
        ),
        ("Oslo?",),
        (OSLO,),
        ("rain",),
        seals=("Q2xhdWRl", "c2VjcmV0"),
        issuer="messages",
    ),
    "chat from vLLM, ids that are long": History(
        "chat",
        _chat(
            _user("Oslo and Rome?"),
            _called(
                _call("chatcmpl-tool-00000000000000000000000000000001", "oslo"),
                _call(f"chatcmpl-tool-{'0' * 80}2", "rome"),
            ),
            _result("chatcmpl-tool-00000000000000000000000000000001", "rain"),
            _result(f"chatcmpl-tool-{'0' * 80}2", "sun"),
        ),
        ("Oslo and Rome?",),
        (OSLO, ROME),
        ("rain", "sun"),
    ),
    "chat of old, one function's name for every call": History(
        "chat",
        _chat(
            _user("Oslo?"),
            {
                "role": "assistant",
                "content": None,
                "function_call": {"name": "weather_oslo", "arguments": '{"city":"oslo"}'},
            },
            {"role": "function", "name": "weather_oslo", "content": "rain"},
            {
                "role": "assistant",
                "content": None,
                "function_call": {"name": "weather_oslo", "arguments": '{"city":"oslo"}'},
            },
            {"role": "function", "name": "weather_oslo", "content": "sun"},
        ),
        ("Oslo?",),
        (OSLO, OSLO),
        ("rain", "sun"),
    ),
    "chat with blanks, same roles in a row, the assistant first": History(
        "chat",
        _chat(
            {"role": "assistant", "content": "How can I help?"},
            _user("One."),
            {"role": "user", "content": [_text(""), _text("Two."), IMAGE_URL]},
            {"role": "assistant", "content": " "},
            {"role": "system", "content": "Be kind."},
            _user("Three."),
            {"role": "assistant", "content": "So it begins \n"},
        ),
        ("How can I help?", "One.", "Two.", "Be kind.", "Three.", "So it begins"),
        images=1,
    ),
    "messages from Claude, thinking and calls side by side": History(
        "messages",
        _messages(
            _user("Oslo and Rome?"),
            _said(
                {"type": "thinking", "thinking": "Both.", "signature": "Q2xhdWRl"},
                {"type": "redacted_thinking", "data": "c2VjcmV0"},
                _text("I look."),
                _used("toolu_1", "oslo"),
                _used("toolu_2", "rome"),
            ),
            _told(_answered("toolu_1", "rain"), _answered("toolu_2", [_text("sun")]), _text("Go.")),
            system=[{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        ),
        ("Be brief.", "Oslo and Rome?", "I look.", "Go."),
        (OSLO, ROME),
        ("rain", "sun"),
        seals=("Q2xhdWRl", "c2VjcmV0"),
        issuer="messages",
    ),
    "messages from Claude Code, results of every kind": History(
        "messages",
        _messages(
            _user("Oslo and Rome?"),
            _said(_used("toolu_1", "oslo"), _used("toolu_2", "rome")),
            _told(
                _answered("toolu_1", [_text("rain"), {"type": "image", "source": SOURCE}]),
                _answered("toolu_2", "no such city", is_error=True),
            ),
            {"role": "system", "content": "The user went home."},
            _user("Well?"),
        ),
        ("Oslo and Rome?", "The user went home.", "Well?"),
        (OSLO, ROME),
        ("rain", "no such city"),
        images=1,
    ),
    "messages from Claude, a document as a result": History(
        "messages",
        _messages(
            _user("Oslo?"),
            _said(_used("toolu_1", "oslo")),
            _told(
                _answered(
                    "toolu_1",
                    [
                        {
                            "type": "document",
                            "source": {
                                "type": "base64",
                                "media_type": "application/pdf",
                                "data": PDF,
                            },
                        },
                        {
                            "type": "search_result",
                            "source": "https://w.example",
                            "title": "Weather",
                            "content": [_text("rain")],
                        },
                    ],
                )
            ),
        ),
        ("Oslo?",),
        (OSLO,),
        ("rain",),
    ),
    "messages from another server, thoughts that nobody signed": History(
        "messages",
        _messages(
            _user("Oslo?"),
            _said(
                {"type": "thinking", "thinking": "Hm.", "signature": ""},
                {"type": "thinking", "thinking": "Hm!"},
                _used("call_1", "oslo"),
            ),
            _told(_answered("call_1", "rain")),
        ),
        ("Oslo?",),
        (OSLO,),
        ("rain",),
    ),
    "messages from Claude, a tool of its own servers": History(
        "messages",
        _messages(
            _user("News?"),
            _said(
                {
                    "type": "server_tool_use",
                    "id": "srvtoolu_1",
                    "name": "web_search",
                    "input": {"query": "news"},
                },
                {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
                _text("None."),
            ),
            _user("Sure?"),
        ),
        ("News?", "None.", "Sure?"),
        only=frozenset({"messages", "vertex-messages"}),
    ),
    "responses from OpenAI, reasoning and calls": History(
        "responses",
        {
            "instructions": "Be brief.",
            "input": [
                _item("user", "Oslo and Rome?"),
                {
                    "type": "reasoning",
                    "id": "rs_1",
                    "summary": [{"type": "summary_text", "text": "Both."}],
                    "encrypted_content": "Z0FBQUFB",
                },
                _item("assistant", "I look."),
                {
                    "type": "function_call",
                    "id": "fc_1",
                    "call_id": "call_1",
                    "name": "weather_oslo",
                    "arguments": '{"city":"oslo"}',
                },
                {
                    "type": "function_call",
                    "id": "fc_2",
                    "call_id": "call_2",
                    "name": "weather_rome",
                    "arguments": '{"city":"rome"}',
                },
                {
                    "type": "function_call_output",
                    "call_id": "call_1",
                    "output": [
                        {"type": "input_text", "text": "rain"},
                        {"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}"},
                    ],
                },
                {"type": "function_call_output", "call_id": "call_2", "output": "sun"},
                _item("user", "Well?"),
            ],
        },
        ("Be brief.", "Oslo and Rome?", "I look.", "Well?"),
        (OSLO, ROME),
        ("rain", "sun"),
        images=1,
        seals=("Z0FBQUFB",),
        issuer="responses",
    ),
    "responses from Codex, a tool of free text": History(
        "responses",
        {
            "input": [
                _item("user", "Mend it."),
                {
                    "type": "custom_tool_call",
                    "id": "ctc_1",
                    "call_id": "call_1",
                    "name": "patch",
                    "input": "*** Begin Patch",
                },
                {"type": "custom_tool_call_output", "call_id": "call_1", "output": "Done."},
            ],
            "tools": [{"type": "custom", "name": "patch"}],
        },
        ("Mend it.",),
        (PATCH,),
        ("Done.",),
    ),
}
