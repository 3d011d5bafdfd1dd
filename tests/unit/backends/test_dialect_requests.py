"""How a chat request is asked in other dialects, field by field."""

from collections.abc import Callable
from typing import Any

import pytest

from router.ask import Ask
from router.protocols.hub.table import CLIENTS, SERVERS
from router.protocols.quirks import PLAIN
from router.protocols.unsupported import Unsupported

Chat = Callable[..., Ask]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOL = {
    "type": "function",
    "function": {"name": "weather", "description": "Weather of a city", "parameters": SCHEMA},
}
CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"city":"Oslo"}'},
}
CONVERSATION: dict[str, Any] = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}},
                {"type": "image_url", "image_url": {"url": "https://host/x.png"}},
            ],
        },
        {"role": "assistant", "content": "Let me see.", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": '{"degrees": 3}'},
        {"role": "user", "content": "Thanks."},
    ],
    "tools": [TOOL],
}


def written(protocol: str, request: Ask) -> dict[str, Any]:
    conversation = CLIENTS["chat"].read_request(request.body)
    return SERVERS[protocol].write_request(conversation, "real-model", PLAIN).body


def message_body(request: Ask) -> dict[str, Any]:
    return written("messages", request)


def content_body(request: Ask) -> dict[str, Any]:
    return written("gemini", request)


def test_anthropic_gets_the_conversation_in_its_words(chat: Chat) -> None:
    body = message_body(chat(**CONVERSATION, max_tokens=9, stop="END", user="u1"))
    assert body["system"] == "Be brief."
    assert body["max_tokens"] == 9
    assert body["stop_sequences"] == ["END"]
    assert body["metadata"] == {"user_id": "u1"}
    user, assistant, results = body["messages"]
    assert [block["type"] for block in user["content"]] == ["text", "image", "image"]
    assert user["content"][1]["source"] == {
        "type": "base64",
        "media_type": "image/png",
        "data": "QUJD",
    }
    assert user["content"][2]["source"] == {"type": "url", "url": "https://host/x.png"}
    assert assistant["content"][1] == {
        "type": "tool_use",
        "id": "call_1",
        "name": "weather",
        "input": {"city": "Oslo"},
    }
    assert [block["type"] for block in results["content"]] == ["tool_result", "text"]
    assert body["tools"][0]["input_schema"] == SCHEMA


def test_gemini_gets_the_conversation_in_its_words(chat: Chat) -> None:
    body = content_body(chat(**CONVERSATION, max_tokens=9, stop=["END"], n=2, seed=4))
    assert body["systemInstruction"] == {"parts": [{"text": "Be brief."}]}
    assert body["generationConfig"] == {
        "maxOutputTokens": 9,
        "stopSequences": ["END"],
        "candidateCount": 2,
        "seed": 4,
    }
    user, model, results = body["contents"]
    assert user["parts"][1] == {"inlineData": {"mimeType": "image/png", "data": "QUJD"}}
    assert model["parts"][1] == {
        "functionCall": {"name": "weather", "args": {"city": "Oslo"}},
        "thoughtSignature": "skip_thought_signature_validator",
    }
    assert results["parts"][0] == {
        "functionResponse": {"name": "weather", "response": {"degrees": 3}}
    }
    assert body["tools"][0]["functionDeclarations"][0]["parametersJsonSchema"] == SCHEMA


@pytest.mark.parametrize(
    ("choice", "anthropic", "gemini"),
    [
        ("auto", {"type": "auto"}, {"mode": "AUTO"}),
        ("none", {"type": "none"}, {"mode": "NONE"}),
        ("required", {"type": "any"}, {"mode": "ANY"}),
        (
            {"type": "function", "function": {"name": "weather"}},
            {"type": "tool", "name": "weather"},
            {"mode": "ANY", "allowedFunctionNames": ["weather"]},
        ),
    ],
)
def test_tool_choice(chat: Chat, choice: Any, anthropic: Any, gemini: Any) -> None:
    request = chat(tools=[TOOL], tool_choice=choice)
    assert message_body(request)["tool_choice"] == anthropic
    assert content_body(request)["toolConfig"]["functionCallingConfig"] == gemini


def test_parallel_calls_can_be_switched_off(chat: Chat) -> None:
    body = message_body(chat(tools=[TOOL], parallel_tool_calls=False))
    assert body["tool_choice"]["disable_parallel_tool_use"] is True


def test_a_schema_and_an_effort_are_asked_for(chat: Chat) -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}
    request = chat(response_format=wanted, reasoning_effort="low")
    output = message_body(request)["output_config"]
    assert output == {"format": {"type": "json_schema", "schema": SCHEMA}, "effort": "low"}
    settings = content_body(request)["generationConfig"]
    assert settings["responseJsonSchema"] == SCHEMA
    assert settings["responseMimeType"] == "application/json"
    assert settings["thinkingConfig"] == {"thinkingBudget": 1024}


def test_a_thought_signature_is_given_back(chat: Chat) -> None:
    signed = CALL | {"extra_content": {"google": {"thought_signature": "s"}}}
    messages = [{"role": "user", "content": "x"}, {"role": "assistant", "tool_calls": [signed]}]
    body = content_body(chat(messages=messages))
    assert body["contents"][1]["parts"][0]["thoughtSignature"] == "s"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"n": 2}, "n"),
        ({"tools": [{"type": "web_search"}]}, "tools"),
        (
            {"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]},
            "messages",
        ),
    ],
)
def test_what_a_dialect_cannot_say_is_named(chat: Chat, fields: dict[str, Any], param: str) -> None:
    with pytest.raises(Unsupported, match=param):
        message_body(chat(**fields))


def test_arguments_that_are_no_object_are_not_lost(chat: Chat) -> None:
    broken = CALL | {"function": {"name": "weather", "arguments": "Oslo"}}
    body = message_body(chat(messages=[{"role": "assistant", "tool_calls": [broken]}]))
    assert body["messages"][-1]["content"][0]["input"] == {"input": "Oslo"}
