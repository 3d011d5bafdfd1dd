"""Tools in requests between protocols: which there are, their calls, their results."""

from typing import Any

import pytest
from hub_requests import (
    HELLO,
    IMAGE,
    SOURCE,
    USED,
    call,
    from_chat,
    from_messages,
)


def test_an_image_in_a_tool_result_follows_as_a_users_turn_on_chat() -> None:
    result = {
        "type": "tool_result",
        "tool_use_id": "t1",
        "content": [{"type": "text", "text": "a shot"}, {"type": "image", "source": SOURCE}],
    }
    other = {"type": "tool_result", "tool_use_id": "t2", "content": "second"}
    _, assistant, first, second, user = from_messages(
        "chat",
        HELLO,
        {"role": "assistant", "content": [USED, USED | {"id": "t2"}]},
        {"role": "user", "content": [result, other, {"type": "text", "text": "Look."}]},
    )["messages"]
    assert [c["id"] for c in assistant["tool_calls"]] == ["t1", "t2"]
    assert first == {"role": "tool", "tool_call_id": "t1", "content": "a shot"}
    assert second["tool_call_id"] == "t2"  # results stand together
    assert user["role"] == "user"
    assert user["content"][1:] == [IMAGE, {"type": "text", "text": "Look."}]
    assert "t1" in user["content"][0]["text"]


def test_images_of_neighbouring_results_wait_until_all_results_are_told() -> None:
    results = [{"role": "tool", "tool_call_id": f"t{n}", "content": [IMAGE]} for n in (1, 2)]
    body = from_chat(
        "chat",
        HELLO,
        {"role": "assistant", "content": None, "tool_calls": [call("t1"), call("t2")]},
        *results,
    )
    assert [m["role"] for m in body["messages"]] == ["user", "assistant", "tool", "tool", "user"]
    assert sum(part["type"] == "image_url" for part in body["messages"][-1]["content"]) == 2


def test_an_image_in_a_tool_result_stays_in_it_on_messages() -> None:
    body = from_chat(
        "messages",
        HELLO,
        {"role": "assistant", "content": None, "tool_calls": [call("t1")]},
        {"role": "tool", "tool_call_id": "t1", "content": [{"type": "text", "text": "x"}, IMAGE]},
    )
    (result,) = body["messages"][-1]["content"]
    assert result["content"] == [{"type": "text", "text": "x"}, {"type": "image", "source": SOURCE}]


def test_a_tools_error_is_told_as_one() -> None:
    failed = {"type": "tool_result", "tool_use_id": "t1", "content": "no such file"}
    turns = (HELLO, {"role": "assistant", "content": [USED]})
    user = {"role": "user", "content": [failed | {"is_error": True}]}
    assert from_messages("chat", *turns, user)["messages"][-1]["content"] == "Error: no such file"
    kept = from_messages("messages", *turns, user)["messages"][-1]["content"][0]
    assert kept["is_error"] is True
    output = from_messages("gemini", *turns, user)["contents"][-1]["parts"][0]
    assert output["functionResponse"]["response"] == {"error": "no such file"}


def test_results_stand_first_in_their_turn_on_messages() -> None:
    body = from_chat(
        "messages",
        HELLO,
        {"role": "assistant", "content": None, "tool_calls": [call("t1"), call("t2")]},
        {"role": "tool", "tool_call_id": "t1", "content": "1"},
        {"role": "user", "content": "Wait."},
        {"role": "tool", "tool_call_id": "t2", "content": "2"},
    )
    kinds = [block["type"] for block in body["messages"][-1]["content"]]
    assert kinds == ["tool_result", "tool_result", "text"]


@pytest.mark.parametrize("arguments", [None, "", {"a": 1}])
def test_calls_without_arguments_are_whole(arguments: Any) -> None:
    answer = {"role": "assistant", "content": None, "tool_calls": [call("t1", arguments)]}
    (block,) = from_chat("messages", HELLO, answer)["messages"][-1]["content"]
    assert block["input"] == (arguments or {})


def test_ids_of_calls_are_said_in_the_letters_that_anthropic_takes() -> None:
    answer = {"role": "assistant", "content": None, "tool_calls": [call("functions.f:0")]}
    result = {"role": "tool", "tool_call_id": "functions.f:0", "content": "3"}
    _, used, returned = from_chat("messages", HELLO, answer, result)["messages"]
    assert used["content"][0]["id"] == returned["content"][0]["tool_use_id"] == "functions_f_0"


def test_a_subset_of_the_tools_is_all_that_anthropic_and_gemini_are_told() -> None:
    tools = [{"type": "function", "function": {"name": name}} for name in ("f", "g")]
    subset = {"mode": "required", "tools": tools[1:]}
    choice = {"type": "allowed_tools", "allowed_tools": subset}
    body = from_chat("messages", HELLO, tools=tools, tool_choice=choice)
    assert [tool["name"] for tool in body["tools"]] == ["g"]
    assert body["tool_choice"] == {"type": "any"}
    calling = from_chat("gemini", HELLO, tools=tools, tool_choice=choice)["toolConfig"]
    assert calling["functionCallingConfig"] == {"mode": "ANY", "allowedFunctionNames": ["g"]}
    assert from_chat("chat", HELLO, tools=tools, tool_choice=choice)["tool_choice"] == choice


def test_old_functions_are_tools() -> None:
    called = {
        "role": "assistant",
        "content": None,
        "function_call": {"name": "f", "arguments": "{}"},
    }
    result = {"role": "function", "name": "f", "content": "3"}
    body = from_chat(
        "messages", HELLO, called, result, functions=[{"name": "f"}], function_call="auto"
    )
    assert body["tools"][0]["name"] == "f"
    assert body["messages"][1]["content"][0]["id"] == "f"
    assert body["messages"][2]["content"][0]["tool_use_id"] == "f"


@pytest.mark.parametrize("more", [{"type": "custom"}, {"type": None}, {"strict": None}])
def test_a_tool_that_says_what_is_understood_anyway_is_written_like_any_other(
    more: dict[str, Any],
) -> None:
    plain = {"name": "f", "description": "d", "input_schema": {"type": "object"}}
    assert from_messages("chat", HELLO, tools=[plain | more, plain]) == from_messages(
        "chat", HELLO, tools=[plain, plain]
    )
