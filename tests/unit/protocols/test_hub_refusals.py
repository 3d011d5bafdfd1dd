"""What a protocol has no words for is refused by name, or dropped and named."""

from typing import Any

import pytest
from hub_requests import (
    HELLO,
    SOURCE,
    USED,
    user,
    written,
)

from router.protocols.unsupported import Unsupported

NO_SCHEMA = {"type": "json_schema", "json_schema": {"name": "x"}}
HOSTED = {"type": "web_search_20250305", "name": "web_search"}


@pytest.mark.parametrize(
    ("client", "server", "body", "param"),
    [
        (
            "chat",
            "messages",
            user({"type": "input_audio", "input_audio": {"data": "QQ==", "format": "wav"}}),
            "messages: content of type 'input_audio'",
        ),
        (
            "chat",
            "messages",
            user({"type": "file", "file": {"file_id": "f1"}}),
            "messages: a file by its id",
        ),
        ("chat", "messages", user("x") | {"n": 2}, "n"),
        ("chat", "messages", user("x") | {"logprobs": True}, "logprobs"),
        (
            "chat",
            "messages",
            user("x") | {"tools": [{"type": "custom", "custom": {"name": "g"}}]},
            "tools of type 'custom'",
        ),
        ("chat", "messages", user("x") | {"web_search_options": {"a": 1}}, "web_search_options"),
        ("chat", "messages", user("x") | {"web_search_options": {}}, "web_search_options"),
        ("chat", "gemini", user("x") | {"web_search_options": {}}, "web_search_options"),
        ("chat", "messages", user("x") | {"response_format": {"type": "g"}}, "response_format"),
        ("chat", "gemini", user("x") | {"response_format": {"type": "g"}}, "response_format"),
        ("chat", "gemini", user("x") | {"response_format": NO_SCHEMA}, "response_format"),
        ("chat", "messages", user("x") | {"response_format": NO_SCHEMA}, "response_format"),
        ("messages", "chat", user("x") | {"output_format": {"type": "g"}}, "output_config.format"),
        ("messages", "chat", user("x") | {"output_format": NO_SCHEMA}, "output_config.format"),
        (
            "chat",
            "messages",
            user("x") | {"response_format": {"type": "json_object"}},
            "response_format of type 'json_object'",
        ),
        (
            "messages",
            "chat",
            user("x") | {"tools": [HOSTED]},
            "tools of type 'web_search_20250305'",
        ),
        ("messages", "chat", user("x") | {"container": "c1"}, "container"),
        ("messages", "chat", user("x") | {"max_tokens": 0}, "max_tokens"),
        (
            "messages",
            "chat",
            user({"type": "container_upload", "file_id": "f"}),
            "messages: content of type 'container_upload'",
        ),
        (
            "messages",
            "chat",
            user({"type": "document", "source": {"type": "url", "url": "https://host"}}),
            "messages: a document by its address",
        ),
        (
            "messages",
            "gemini",
            user({"type": "image", "source": {"type": "file", "file_id": "f"}}),
            "messages: an image by the id of its file",
        ),
        (
            "messages",
            "replicate",
            user({"type": "image", "source": SOURCE}),
            "messages: content of type 'image'",
        ),
    ],
)
def test_what_a_protocol_has_no_words_for_is_refused_by_name(
    client: str, server: str, body: dict[str, Any], param: str
) -> None:
    bodies = body["messages"][0]["content"]
    if bodies == ["x"]:
        body = body | {"messages": [HELLO]}
    with pytest.raises(Unsupported) as caught:
        written(client, server, body)
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("client", "server", "more", "name"),
    [
        ("chat", "messages", {"seed": 4}, "seed"),
        ("chat", "messages", {"metadata": {"a": "b"}}, "metadata"),
        ("chat", "messages", {"service_tier": "flex"}, "service_tier"),
        ("chat", "gemini", {"user": "u1"}, "user"),
        (
            "chat",
            "gemini",
            {
                "tools": [{"type": "function", "function": {"name": "f"}}],
                "parallel_tool_calls": False,
            },
            "parallel_tool_calls",
        ),
        ("chat", "replicate", {"reasoning_effort": "low"}, "reasoning_effort"),
        ("messages", "chat", {"thinking": {"type": "enabled", "budget_tokens": 1024}}, "thinking"),
        ("messages", "chat", {"context_management": {"edits": []}}, "context_management"),
        (
            "messages",
            "chat",
            {"system": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}]},
            "cache_control",
        ),
        ("messages", "chat", {"output_config": {"task_budget": 1}}, "output_config.task_budget"),
    ],
)
def test_hints_that_the_target_does_not_know_are_dropped_and_named(
    client: str, server: str, more: dict[str, Any], name: str
) -> None:
    output = written(client, server, {"messages": [HELLO], "max_tokens": 9} | more)
    assert name in output.dropped


def test_a_field_of_a_block_that_nobody_knows_is_named() -> None:
    used = USED | {"caller": {"type": "direct"}}
    answer = {"role": "assistant", "content": [used]}
    output = written("messages", "chat", {"max_tokens": 9, "messages": [HELLO, answer]})
    assert output.dropped == ("messages.content.caller",)
    part = {"type": "text", "text": "x", "mood": "glad"}
    output = written("chat", "messages", user(part))
    assert output.dropped == ("messages.content.mood",)


@pytest.mark.parametrize(
    "message", [{"role": "user", "content": [{"text": "x"}]}, {"role": "user", "content": [7]}]
)
@pytest.mark.parametrize("client", ["chat", "messages"])
def test_a_message_of_an_unknown_shape_is_named_by_its_place(client: str, message: Any) -> None:
    with pytest.raises(Unsupported, match=r"messages\[1\]"):
        written(client, "chat", {"max_tokens": 9, "messages": [HELLO, message]})
