"""Cache breakpoints that OpenAI's clients set reach Anthropic's servers, with their lifetimes."""

from typing import Any

import pytest
from hub_requests import HELLO, from_chat, written

FIVE_MINUTES = {"type": "ephemeral"}
HOUR = {"type": "ephemeral", "ttl": "1h"}
FUNCTION = {"name": "f", "parameters": {"type": "object"}}


@pytest.mark.parametrize("control", [FIVE_MINUTES, HOUR])
def test_breakpoints_of_chats_parts_messages_and_tools_reach_anthropic(control: Any) -> None:
    part = {"type": "text", "text": "Long.", "cache_control": control}
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    body = from_chat(
        "messages",
        {"role": "system", "content": "Rules.", "cache_control": control},
        {"role": "user", "content": [part]},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "3", "cache_control": control},
        tools=[
            {"type": "function", "function": FUNCTION, "cache_control": control},
            {"type": "function", "function": FUNCTION | {"name": "g", "cache_control": control}},
        ],
    )
    assert body["system"] == [{"type": "text", "text": "Rules.", "cache_control": control}]
    assert body["messages"][0]["content"] == [part]
    assert body["messages"][2]["content"][0]["cache_control"] == control
    assert [tool["cache_control"] for tool in body["tools"]] == [control, control]


@pytest.mark.parametrize(
    ("said", "control"),
    [
        ({"cache_control": FIVE_MINUTES}, FIVE_MINUTES),
        ({"cache_control": HOUR}, HOUR),
        ({"prompt_cache_breakpoint": {"mode": "explicit"}}, HOUR),
    ],
)
def test_breakpoints_of_a_responses_parts_and_tools_reach_anthropic(
    said: dict[str, Any], control: Any
) -> None:
    part = {"type": "input_text", "text": "Long.", **said}
    body = written(
        "responses",
        "messages",
        {
            "input": [{"role": "user", "content": [part]}],
            "tools": [{"type": "function", **FUNCTION, **said}],
        },
    ).body
    assert body["messages"][0]["content"][0]["cache_control"] == control
    assert body["tools"][0]["cache_control"] == control


@pytest.mark.parametrize(("client", "key"), [("chat", "messages"), ("responses", "input")])
def test_a_breakpoint_of_the_whole_request_reaches_anthropic_and_is_named_elsewhere(
    client: str, key: str
) -> None:
    asked = {key: [HELLO], "cache_control": HOUR}
    assert written(client, "messages", asked).body["cache_control"] == HOUR
    other = written(client, "gemini", asked)
    assert "cache_control" in other.dropped
    assert "cache_control" not in other.body


def test_the_breakpoint_of_a_blank_text_stands_at_what_is_before_it() -> None:
    blank = {"type": "text", "text": " ", "cache_control": HOUR}
    body = from_chat(
        "messages", {"role": "user", "content": [{"type": "text", "text": "a"}, blank]}
    )
    assert body["messages"][0]["content"] == [{"type": "text", "text": "a", "cache_control": HOUR}]
    alone = {"messages": [HELLO, {"role": "assistant", "content": [blank]}, HELLO]}
    assert "cache_control" in written("chat", "messages", alone).dropped
