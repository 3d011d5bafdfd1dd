"""Whole chat completions that pass through: what is mended of them, and what is not touched."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from router.ask import Ask
from router.protocols.chat.passage import ChatPassage

Chat = Callable[..., Ask]


def body_of(function: dict[str, Any]) -> dict[str, Any]:
    call = {"id": "c1", "type": "function", "function": function}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    return {"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, "{}"),
        ({"arguments": None}, "{}"),
        ({"arguments": {"a": 1}}, '{"a":1}'),
        ({"arguments": []}, "{}"),
    ],
)
def test_arguments_that_are_no_text_become_one(
    chat: Chat, more: dict[str, Any], expected: str
) -> None:
    raw = orjson.dumps(body_of({"name": "now", **more}))
    body = orjson.loads(ChatPassage().reply(raw, chat()).body)
    assert body["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] == expected


def test_calls_that_are_whole_pass_as_they_came(chat: Chat) -> None:
    raw = b" " + orjson.dumps(body_of({"name": "now", "arguments": "{ }"})) + b"\n"
    assert ChatPassage().reply(raw, chat()).body == raw.strip()
