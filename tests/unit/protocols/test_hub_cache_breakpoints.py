"""Cache breakpoints that OpenAI's clients set reach Anthropic's servers, with their lifetimes."""

from typing import Any

import pytest
from hub_requests import HELLO, from_chat, written

from router.protocols.hub.conversation import Written

FIVE_MINUTES = {"type": "ephemeral"}
HOUR = {"type": "ephemeral", "ttl": "1h"}
FUNCTION = {"name": "f", "parameters": {"type": "object"}}


@pytest.mark.parametrize("control", [FIVE_MINUTES, HOUR])
def test_breakpoints_of_chats_parts_messages_and_tools_reach_anthropic(control: Any) -> None:
    part = {"type": "text", "text": "Long.", "cache_control": control}
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    body = from_chat(
        "messages",
        {"role": "user", "content": [part]},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "3", "cache_control": control},
        tools=[
            {"type": "function", "function": FUNCTION, "cache_control": control},
            {"type": "function", "function": FUNCTION | {"name": "g", "cache_control": control}},
        ],
    )
    assert body["messages"][0]["content"] == [part]
    assert body["messages"][2]["content"][0]["cache_control"] == control
    assert [tool["cache_control"] for tool in body["tools"]] == [control, control]


def test_a_breakpoint_of_a_system_turn_reaches_anthropic() -> None:
    rules = {"role": "system", "content": "Rules.", "cache_control": FIVE_MINUTES}
    body = from_chat("messages", rules, HELLO)
    assert body["system"] == [{"type": "text", "text": "Rules.", "cache_control": FIVE_MINUTES}]


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


def _marked(*, system: int = 0, tools: int = 0, turns: int = 0, **more: Any) -> Written:
    """A chat with so many breakpoints at each place."""
    part = {"type": "text", "cache_control": FIVE_MINUTES}
    functions = [
        {"type": "function", "function": FUNCTION | {"name": f"f{number}"}, "cache_control": HOUR}
        for number in range(tools)
    ]
    said = [
        {"role": role, "content": [part | {"text": f"{role}{number}"} for number in range(count)]}
        for role, count in (("system", system), ("user", turns))
        if count
    ]
    body = {"messages": said or [HELLO], **more} | ({"tools": functions} if tools else {})
    return written("chat", "messages", body)


def _kept(body: dict[str, Any]) -> list[str]:
    """What the breakpoints stand at, in the order of the cache."""
    blocks = [*body.get("tools", ()), *body.get("system", ())]
    blocks += [block for message in body["messages"] for block in message["content"]]
    return [
        str(block.get("name") or block["text"])
        for block in blocks
        if isinstance(block, dict) and "cache_control" in block
    ]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"turns": 4}, ["user0", "user1", "user2", "user3"]),
        ({"turns": 6}, ["user2", "user3", "user4", "user5"]),
        ({"system": 1, "turns": 6}, ["system0", "user3", "user4", "user5"]),
        ({"tools": 2, "system": 2, "turns": 3}, ["system1", "user0", "user1", "user2"]),
        ({"tools": 2, "system": 2, "turns": 1}, ["f1", "system0", "system1", "user0"]),
        ({"tools": 6, "turns": 0}, ["f2", "f3", "f4", "f5"]),
        ({"turns": 6, "cache_control": FIVE_MINUTES}, ["user3", "user4", "user5"]),
    ],
    ids=str,
)
def test_of_more_breakpoints_than_anthropic_takes_those_that_pay_are_kept(
    given: dict[str, Any], kept: list[str]
) -> None:
    told = _marked(**given)
    assert _kept(told.body) == kept
    few = sum(value for value in given.values() if type(value) is int) <= 4
    assert told.dropped == (() if few and "cache_control" not in given else ("cache_control",))


def test_breakpoints_within_the_results_of_tools_count_too() -> None:
    marked = {"type": "text", "text": "3", "cache_control": FIVE_MINUTES}
    calls = [
        {"id": f"c{number}", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        for number in range(6)
    ]
    results = [{"role": "tool", "tool_call_id": call["id"], "content": [marked]} for call in calls]
    asked = {"role": "assistant", "content": None, "tool_calls": calls}
    body = from_chat("messages", HELLO, asked, *results)
    told = [block["content"][0] for block in body["messages"][2]["content"]]
    assert ["cache_control" in block for block in told] == [False, False, True, True, True, True]
