"""The nastiest requests between protocols: what is carried, what is refused by name, what is named
as dropped."""

from typing import Any

import pytest

from router.protocols.hub.conversation import Written
from router.protocols.hub.table import CLIENTS, SERVERS
from router.protocols.quirks import PLAIN, Quirks
from router.protocols.unsupported import Unsupported

PIXEL = "iVBORw0KGgo="
IMAGE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
SOURCE = {"type": "base64", "media_type": "image/png", "data": PIXEL}
HELLO = {"role": "user", "content": "Hello"}
USED = {"type": "tool_use", "id": "t1", "name": "f", "input": {}}


def written(client: str, server: str, body: dict[str, Any], quirks: Quirks = PLAIN) -> Written:
    conversation = CLIENTS[client].read_request({"model": "m"} | body)
    return SERVERS[server].write_request(conversation, "real", quirks)


def from_chat(server: str, *messages: Any, **more: Any) -> dict[str, Any]:
    return written("chat", server, {"messages": list(messages)} | more).body


def from_messages(server: str, *messages: Any, **more: Any) -> dict[str, Any]:
    return written("messages", server, {"max_tokens": 9, "messages": list(messages)} | more).body


def call(id_: str, arguments: Any = "{}") -> dict[str, Any]:
    return {"id": id_, "type": "function", "function": {"name": "f", "arguments": arguments}}


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


def test_system_turns_keep_their_place_on_chat() -> None:
    body = from_messages(
        "chat", HELLO, {"role": "system", "content": "Now in French."}, HELLO, system="Be brief."
    )
    assert [m["role"] for m in body["messages"]] == ["system", "user", "system", "user"]
    assert body["messages"][2]["content"] == "Now in French."


def test_system_turns_in_between_become_system_text_on_messages() -> None:
    system = {"role": "system", "content": "Be brief."}
    later = {"role": "developer", "content": "Now in French."}
    body = from_chat("messages", system, HELLO, later, HELLO)
    assert body["system"] == "Be brief.\nNow in French."
    assert [m["role"] for m in body["messages"]] == ["user"]


def test_system_text_alone_is_said_as_the_users() -> None:
    body = from_chat("messages", {"role": "system", "content": "Say hi."})
    assert "system" not in body
    assert body["messages"] == [{"role": "user", "content": [{"type": "text", "text": "Say hi."}]}]


def test_gemini_is_never_asked_with_nothing() -> None:
    body = from_chat("gemini", {"role": "system", "content": "Say hi."})
    assert body == {"contents": [{"role": "user", "parts": [{"text": "Say hi."}]}]}
    empty = {
        "role": "user",
        "content": [{"type": "text", "text": ""}, {"type": "text", "text": "x"}],
    }
    assert from_chat("gemini", empty)["contents"][0]["parts"] == [{"text": "x"}]


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


def test_blank_texts_and_stops_do_not_go_to_anthropic() -> None:
    output = written(
        "chat",
        "messages",
        {
            "messages": [
                {
                    "role": "user",
                    "content": [{"type": "text", "text": ""}, {"type": "text", "text": "x"}],
                },
                {"role": "assistant", "content": "\n"},
                HELLO,
                {"role": "assistant", "content": "The answer is "},
            ],
            "stop": ["\n", "END"],
        },
    )
    user, prefill = output.body["messages"]
    assert [block["text"] for block in user["content"]] == ["x", "Hello"]
    assert prefill["content"][0]["text"] == "The answer is"
    assert output.body["stop_sequences"] == ["END"]
    assert "stop" in output.dropped


def test_a_signed_thought_goes_back_to_anthropic_and_nowhere_else() -> None:
    thoughts = [
        {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "cmVk"},
    ]
    answer = {"role": "assistant", "content": "Hi.", "thinking_blocks": thoughts}
    body = {"messages": [HELLO, answer, HELLO]}
    assert written("chat", "messages", body).body["messages"][1]["content"][:2] == thoughts
    for server in ("chat", "gemini"):
        output = written("chat", server, body)
        assert "thinking" in output.dropped
        assert "c2ln" not in str(output.body)
        assert "cmVk" not in str(output.body)


def test_a_readable_thought_without_a_seal_goes_back_to_chats_servers() -> None:
    thought = {"type": "thinking", "thinking": "Hm.", "signature": ""}
    answer = {"role": "assistant", "content": [thought, {"type": "text", "text": "Hi."}]}
    message = from_messages("chat", HELLO, answer, HELLO)["messages"][1]
    assert (message["reasoning_content"], message["content"]) == ("Hm.", "Hi.")
    output = written("messages", "messages", {"max_tokens": 9, "messages": [HELLO, answer, HELLO]})
    assert "reasoning_content" in output.dropped


def test_geminis_signature_comes_back_to_its_call_by_way_of_anthropics_clients() -> None:
    marked = {"type": "thinking", "thinking": "", "signature": "turnout:gemini:Z29v"}
    answer = {"role": "assistant", "content": [marked, USED, USED | {"id": "t2"}]}
    first, second = from_messages("gemini", HELLO, answer)["contents"][1]["parts"]
    assert first["thoughtSignature"] == "Z29v"
    assert "thoughtSignature" not in second
    assert (
        "thought_signature"
        in written("messages", "chat", {"max_tokens": 9, "messages": [HELLO, answer]}).dropped
    )


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


DOCUMENT = {
    "type": "document",
    "title": "Notes",
    "source": {"type": "text", "media_type": "text/plain", "data": "The sky is blue."},
}
PDF = {
    "type": "document",
    "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="},
}
FOUND = {
    "type": "search_result",
    "source": "https://host",
    "title": "Sky",
    "content": [{"type": "text", "text": "Blue."}],
}


def test_documents_and_search_results_reach_chat_as_texts_and_files() -> None:
    message = {"role": "user", "content": [DOCUMENT, PDF, FOUND]}
    text, file, result = from_messages("chat", message)["messages"][0]["content"]
    assert text == {"type": "text", "text": "Notes\nThe sky is blue."}
    assert file["file"]["file_data"] == "data:application/pdf;base64,JVBERg=="
    assert result == {"type": "text", "text": "Sky\nhttps://host\nBlue."}


def test_a_file_of_chat_reaches_anthropic_as_a_document() -> None:
    file = {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERg=="}
    body = from_chat("messages", {"role": "user", "content": [{"type": "file", "file": file}]})
    assert body["messages"][0]["content"][0] == PDF | {"title": "a.pdf"}


def user(*content: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(content)}], "max_tokens": 9}


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


def test_cache_breakpoints_reach_anthropic_from_chats_clients_too() -> None:
    marked = {"type": "text", "text": "Long.", "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    body = from_chat("messages", {"role": "system", "content": [marked]}, HELLO)
    assert body["system"] == [marked]


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


def test_a_budget_to_think_with_reaches_gemini() -> None:
    thinking = {"type": "enabled", "budget_tokens": 2000}
    settings = from_messages("gemini", HELLO, thinking=thinking)["generationConfig"]
    assert settings["thinkingConfig"] == {"thinkingBudget": 2000}


def test_quirks_are_the_last_word_on_a_chat_body() -> None:
    quirks = Quirks(
        token_param="max_completion_tokens", drop=frozenset({"user"}), developer_role=False
    )
    body = {"max_tokens": 9, "metadata": {"user_id": "u"}, "messages": [HELLO]}
    output = written("messages", "chat", body, quirks).body
    assert output["max_completion_tokens"] == 9
    assert "max_tokens" not in output
    assert "user" not in output


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


@pytest.mark.parametrize(
    "message", [{"role": "user", "content": [{"text": "x"}]}, {"role": "user", "content": [7]}]
)
@pytest.mark.parametrize("client", ["chat", "messages"])
def test_a_message_of_an_unknown_shape_is_named_by_its_place(client: str, message: Any) -> None:
    with pytest.raises(Unsupported, match=r"messages\[1\]"):
        written(client, "chat", {"max_tokens": 9, "messages": [HELLO, message]})


@pytest.mark.parametrize("more", [{"type": "custom"}, {"type": None}, {"strict": None}])
def test_a_tool_that_says_what_is_understood_anyway_is_written_like_any_other(
    more: dict[str, Any],
) -> None:
    plain = {"name": "f", "description": "d", "input_schema": {"type": "object"}}
    assert from_messages("chat", HELLO, tools=[plain | more, plain]) == from_messages(
        "chat", HELLO, tools=[plain, plain]
    )


def test_a_server_without_the_role_of_developers_gets_their_turns_as_the_systems() -> None:
    later = {"role": "developer", "content": "Now in French."}
    quirks = Quirks(developer_role=False)
    body = written("chat", "chat", {"messages": [HELLO, later]}, quirks).body
    assert [message["role"] for message in body["messages"]] == ["user", "system"]
