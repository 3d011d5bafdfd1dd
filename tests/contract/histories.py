"""Histories as the clients of each protocol send them back, and what they hold."""

from history import (
    IMAGE_URL,
    OSLO,
    PATCH,
    PDF,
    PIXEL,
    ROME,
    SOURCE,
    History,
    answered,
    call,
    called,
    chat,
    item,
    messages,
    result,
    said,
    text,
    told,
    used,
    user,
)

HISTORIES = {
    "chat from OpenAI, calls side by side": History(
        "chat",
        chat(
            {"role": "developer", "content": "Be brief."},
            user("Oslo and Rome?"),
            called(call("call_1", "oslo"), call("call_2", "rome"), refusal=None, audio=None),
            result("call_1", "rain"),
            result("call_2", [text("sun")]),
            {"role": "assistant", "content": "Rain there, sun here.", "annotations": []},
            user("And now?"),
        ),
        ("Be brief.", "Oslo and Rome?", "Rain there, sun here.", "And now?"),
        (OSLO, ROME),
        ("rain", "sun"),
    ),
    "chat from DeepSeek, with what it thought": History(
        "chat",
        chat(
            user("Oslo?"),
            called(call("call_0_a:b.c", "oslo"), content="", reasoning_content="I look it up."),
            result("call_0_a:b.c", "rain"),
        ),
        ("Oslo?",),
        (OSLO,),
        ("rain",),
    ),
    "chat from Gemini's OpenAI-compatible server": History(
        "chat",
        chat(
            user("Oslo and Rome?"),
            called(
                call("", "oslo", extra_content={"google": {"thought_signature": "c2lnbg=="}}),
                call("", "rome"),
            ),
            result("", "rain"),
            result("", "sun"),
        ),
        ("Oslo and Rome?",),
        (OSLO, ROME),
        ("rain", "sun"),
        seals=("c2lnbg==",),
        issuer="gemini",
    ),
    "chat from Claude by way of the gateway": History(
        "chat",
        chat(
            user("Oslo?"),
            called(
                call("toolu_1", "oslo"),
                reasoning_content="I look it up.",
                thinking_blocks=[
                    {"type": "thinking", "thinking": "I look it up.", "signature": "Q2xhdWRl"},
                    {"type": "redacted_thinking", "data": "c2VjcmV0"},
                ],
            ),
            result("toolu_1", "rain"),
        ),
        ("Oslo?",),
        (OSLO,),
        ("rain",),
        seals=("Q2xhdWRl", "c2VjcmV0"),
        issuer="messages",
    ),
    "chat from vLLM, ids that are long": History(
        "chat",
        chat(
            user("Oslo and Rome?"),
            called(
                call("chatcmpl-tool-00000000000000000000000000000001", "oslo"),
                call(f"chatcmpl-tool-{'0' * 80}2", "rome"),
            ),
            result("chatcmpl-tool-00000000000000000000000000000001", "rain"),
            result(f"chatcmpl-tool-{'0' * 80}2", "sun"),
        ),
        ("Oslo and Rome?",),
        (OSLO, ROME),
        ("rain", "sun"),
    ),
    "chat of old, one function's name for every call": History(
        "chat",
        chat(
            user("Oslo?"),
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
        chat(
            {"role": "assistant", "content": "How can I help?"},
            user("One."),
            {"role": "user", "content": [text(""), text("Two."), IMAGE_URL]},
            {"role": "assistant", "content": " "},
            {"role": "system", "content": "Be kind."},
            user("Three."),
            {"role": "assistant", "content": "So it begins \n"},
        ),
        ("How can I help?", "One.", "Two.", "Be kind.", "Three.", "So it begins"),
        images=1,
    ),
    "messages from Claude, thinking and calls side by side": History(
        "messages",
        messages(
            user("Oslo and Rome?"),
            said(
                {"type": "thinking", "thinking": "Both.", "signature": "Q2xhdWRl"},
                {"type": "redacted_thinking", "data": "c2VjcmV0"},
                text("I look."),
                used("toolu_1", "oslo"),
                used("toolu_2", "rome"),
            ),
            told(answered("toolu_1", "rain"), answered("toolu_2", [text("sun")]), text("Go.")),
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
        messages(
            user("Oslo and Rome?"),
            said(used("toolu_1", "oslo"), used("toolu_2", "rome")),
            told(
                answered("toolu_1", [text("rain"), {"type": "image", "source": SOURCE}]),
                answered("toolu_2", "no such city", is_error=True),
            ),
            {"role": "system", "content": "The user went home."},
            user("Well?"),
        ),
        ("Oslo and Rome?", "The user went home.", "Well?"),
        (OSLO, ROME),
        ("rain", "no such city"),
        images=1,
    ),
    "messages from Claude, a document as a result": History(
        "messages",
        messages(
            user("Oslo?"),
            said(used("toolu_1", "oslo")),
            told(
                answered(
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
                            "content": [text("rain")],
                        },
                    ],
                )
            ),
        ),
        ("Oslo?",),
        (OSLO,),
        ("rain",),
        never=frozenset({"ollama"}),
    ),
    "messages from another server, thoughts that nobody signed": History(
        "messages",
        messages(
            user("Oslo?"),
            said(
                {"type": "thinking", "thinking": "Hm.", "signature": ""},
                {"type": "thinking", "thinking": "Hm!"},
                used("call_1", "oslo"),
            ),
            told(answered("call_1", "rain")),
        ),
        ("Oslo?",),
        (OSLO,),
        ("rain",),
    ),
    "messages from Claude, a tool of its own servers": History(
        "messages",
        messages(
            user("News?"),
            said(
                {
                    "type": "server_tool_use",
                    "id": "srvtoolu_1",
                    "name": "web_search",
                    "input": {"query": "news"},
                },
                {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
                text("None."),
            ),
            user("Sure?"),
        ),
        ("News?", "None.", "Sure?"),
        only=frozenset({"messages", "vertex-messages"}),
    ),
    "responses from OpenAI, reasoning and calls": History(
        "responses",
        {
            "instructions": "Be brief.",
            "input": [
                item("user", "Oslo and Rome?"),
                {
                    "type": "reasoning",
                    "id": "rs_1",
                    "summary": [{"type": "summary_text", "text": "Both."}],
                    "encrypted_content": "Z0FBQUFB",
                },
                item("assistant", "I look."),
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
                item("user", "Well?"),
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
                item("user", "Mend it."),
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
