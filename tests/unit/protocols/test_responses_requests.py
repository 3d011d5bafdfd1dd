"""What becomes of a response's request at servers of other protocols, and of theirs at its own."""

import json
from typing import Any

import orjson
import pytest

from router.protocols.hub.conversation import (
    Call,
    Conversation,
    Image,
    Result,
    Seal,
    Text,
    Thinking,
)
from router.protocols.hub.table import CLIENTS, SERVERS
from router.protocols.quirks import PLAIN, Quirks
from router.protocols.unsupported import Unsupported

GRAMMAR = {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"}
SERVERS_OF_OTHERS = ["chat", "messages", "gemini"]
FUNCTION = {
    "type": "function",
    "name": "find",
    "description": "Finds.",
    "parameters": {"type": "object", "properties": {}},
    "strict": True,
}


def read(**fields: Any) -> Conversation:
    body = {"model": "a", "input": "Hello"} | fields
    return CLIENTS["responses"].read_request(orjson.loads(json.dumps(body)))


def written(protocol: str, conversation: Conversation, quirks: Quirks = PLAIN) -> dict[str, Any]:
    return SERVERS[protocol].write_request(conversation, "m", quirks).body


def dropped(protocol: str, **fields: Any) -> tuple[str, ...]:
    return SERVERS[protocol].write_request(read(**fields), "m", PLAIN).dropped


def chat(**fields: Any) -> Conversation:
    body = {"model": "a", "messages": [{"role": "user", "content": "Hello"}]} | fields
    return CLIENTS["chat"].read_request(body)


def user(*parts: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"role": "user", "content": list(parts)}]


class TestItems:
    """Items become turns."""

    def test_instructions_and_texts_stand_where_they_were_said(self) -> None:
        body = written(
            "chat",
            read(
                instructions="Be brief.",
                input=[
                    {"role": "user", "content": "Hi"},
                    {"role": "developer", "content": [{"type": "input_text", "text": "Now."}]},
                    {
                        "type": "message",
                        "id": "msg_1",
                        "status": "completed",
                        "role": "assistant",
                        "content": [
                            {"type": "output_text", "text": "Yes", "annotations": []},
                            {"type": "refusal", "refusal": "No"},
                        ],
                    },
                    {"role": "user", "content": "And?"},
                ],
            ),
        )
        assert body["messages"] == [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hi"},
            {"role": "developer", "content": "Now."},
            {"role": "assistant", "content": "Yes", "refusal": "No"},
            {"role": "user", "content": "And?"},
        ]

    def test_what_the_model_said_in_a_row_is_one_turn(self) -> None:
        calls = [
            {"type": "function_call", "call_id": f"c{n}", "name": "find", "arguments": "{}"}
            for n in (1, 2)
        ]
        results = [
            {"type": "function_call_output", "call_id": "c1", "output": "one"},
            {
                "type": "function_call_output",
                "call_id": "c2",
                "output": [
                    {"type": "input_text", "text": "two"},
                    {"type": "input_image", "image_url": "https://host/a.png"},
                ],
            },
        ]
        said = {"role": "assistant", "content": "Looking."}
        first, answer, one, two = read(
            input=[{"role": "user", "content": "Find"}, said, *calls, *results]
        ).turns
        assert answer.parts == (
            Text("Looking."),
            Call("c1", "find", "{}"),
            Call("c2", "find", "{}"),
        )
        assert one.parts == (Result("c1", (Text("one"),)),)
        assert two.parts == (Result("c2", (Text("two"), Image(url="https://host/a.png"))),)
        assert first.role == one.role == "user"

    @pytest.mark.parametrize("protocol", SERVERS_OF_OTHERS)
    @pytest.mark.parametrize(
        "item",
        [
            {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {}},
            {"type": "compaction", "id": "cmp_1", "encrypted_content": "S=="},
            {"type": "mcp_call", "id": "m", "name": "n", "server_label": "s", "arguments": "{}"},
            {"type": "shell_call", "call_id": "c", "action": {"commands": ["ls"]}},
            {"type": "made_up_tomorrow"},
        ],
    )
    def test_items_that_only_responses_know_are_refused_by_name(
        self, protocol: str, item: dict[str, Any]
    ) -> None:
        with pytest.raises(Unsupported) as caught:
            written(protocol, read(input=[item, *user({"type": "input_text", "text": "x"})]))
        assert caught.value.param == f"input: an item of type '{item['type']}'"

    def test_they_go_on_to_servers_of_responses(self) -> None:
        item = {"type": "compaction", "id": "cmp_1", "encrypted_content": "S=="}
        body = written("responses", read(input=[item, {"role": "user", "content": "x"}]))
        assert body["input"] == [item, {"type": "message", "role": "user", "content": "x"}]

    @pytest.mark.parametrize(
        ("part", "param"),
        [
            ({"type": "input_image", "file_id": "f"}, "input: an image by the id of its file"),
            ({"type": "input_file", "file_id": "f"}, "input: a file by its id"),
            ({"type": "made_up"}, "input: content of type 'made_up'"),
        ],
    )
    def test_content_that_only_its_provider_can_read_is_refused_by_name(
        self, part: dict[str, Any], param: str
    ) -> None:
        with pytest.raises(Unsupported) as caught:
            written("chat", read(input=user(part)))
        assert caught.value.param == param

    @pytest.mark.parametrize(
        "item", [7, {"role": "user", "content": 7}, {"type": "reasoning", "summary": 7}]
    )
    def test_an_item_of_an_unknown_shape_is_named(self, item: Any) -> None:
        with pytest.raises(Unsupported) as caught:
            read(input=[{"role": "user", "content": "x"}, item])
        assert caught.value.param.startswith("input")

    def test_the_phase_of_a_message_is_dropped_and_named(self) -> None:
        said = {"role": "assistant", "content": "x", "phase": "commentary"}
        assert dropped("chat", input=[said]) == ("input.phase",)


class TestReasoning:
    """Seals go back to their issuer alone."""

    def test_its_own_goes_back_unchanged(self) -> None:
        item = {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "Hm."}],
            "encrypted_content": "S==",
        }
        conversation = read(input=[item, {"role": "user", "content": "x"}])
        assert written("responses", conversation)["input"][0] == item

    @pytest.mark.parametrize(("protocol", "name"), [("messages", "thought_signature")])
    def test_elsewhere_it_is_dropped_and_named(self, protocol: str, name: str) -> None:
        item = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "S=="}
        given = [{"role": "user", "content": "x"}, item, {"role": "user", "content": "y"}]
        assert dropped(protocol, input=given) == (name,)

    @pytest.mark.parametrize(
        ("sealed", "seal"),
        [
            ("turnout:messages:QQ==", Seal("messages", "QQ==")),
            ("turnout:messages+redacted:QQ==", Seal("messages", "QQ==", "redacted")),
            ("turnout::", None),
            ("", None),
        ],
    )
    def test_marks_tell_whose_a_seal_is(self, sealed: str, seal: Seal | None) -> None:
        summary = [{"type": "summary_text", "text": "Hm."}]
        item = {"type": "reasoning", "id": "rs_1", "summary": summary, "encrypted_content": sealed}
        assert read(input=[item]).turns[0].parts == (Thinking("Hm.", seal),)

    def test_geminis_belongs_to_the_call_behind_it(self) -> None:
        sealed = {"type": "reasoning", "id": "r", "summary": []}
        sealed["encrypted_content"] = "turnout:gemini:QQ=="
        call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
        (turn,) = read(input=[sealed, call]).turns
        assert turn.parts == (Call("c", "f", "{}", seal=Seal("gemini", "QQ==")),)

    def test_sections_are_one_text(self) -> None:
        item = {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "a"}],
            "content": [{"type": "reasoning_text", "text": "b"}],
        }
        assert read(input=[item]).turns[0].parts == (Thinking("a\n\nb"),)


class TestTools:
    """Functions, custom tools, namespaces, searches."""

    def test_tools_in_a_namespace_have_flat_names(self) -> None:
        crm = {
            "type": "namespace",
            "name": "crm",
            "description": "Customers.",
            "tools": [FUNCTION, {"type": "custom", "name": "run", "format": GRAMMAR}],
        }
        call = {
            "type": "function_call",
            "call_id": "c",
            "namespace": "crm",
            "name": "find",
            "arguments": "{}",
        }
        conversation = read(tools=[crm], input=[call])
        find, run = conversation.tools
        assert (find.name, run.name) == ("crm__find", "crm__run")
        assert written("chat", conversation)["tools"][0]["function"]["description"] == (
            "Finds.\n\nCustomers."
        )
        assert conversation.turns[0].parts == (Call("c", "crm__find", "{}"),)

    def test_a_flat_name_that_is_too_long_is_cut_the_same_in_every_turn(self) -> None:
        tool = {"type": "namespace", "name": "n" * 40, "tools": [FUNCTION | {"name": "t" * 40}]}
        names = {read(tools=[tool]).tools[0].name for _ in range(2)}
        assert [len(name) for name in names] == [64]

    def test_names_that_are_the_same_without_their_namespaces_are_refused(self) -> None:
        tools = [
            {"type": "namespace", "name": "a", "tools": [FUNCTION | {"name": "b__c"}]},
            {"type": "namespace", "name": "a__b", "tools": [FUNCTION | {"name": "c"}]},
        ]
        with pytest.raises(Unsupported):
            read(tools=tools)

    def test_a_tool_that_a_search_brings_again_is_there_once(self) -> None:
        found = {"type": "tool_search_output", "call_id": "c", "execution": "client"}
        conversation = read(
            tools=[{"type": "tool_search", "execution": "client", "parameters": {}}, FUNCTION],
            input=[
                {
                    "type": "tool_search_call",
                    "call_id": "c",
                    "execution": "client",
                    "arguments": {"query": "x"},
                },
                found | {"tools": [FUNCTION, FUNCTION | {"name": "other"}]},
            ],
        )
        assert [tool.name for tool in conversation.tools] == ["tool_search", "find", "other"]
        assert conversation.turns[0].parts == (Call("c", "tool_search", '{"query":"x"}'),)
        assert "find, other" in json.dumps(written("chat", conversation)["messages"])

    def test_what_a_server_would_load_later_is_there_at_once(self) -> None:
        tools = [{"type": "tool_search"}, FUNCTION | {"defer_loading": True}]
        assert dropped("chat", tools=tools) == (
            "tools.defer_loading",
            "tools of type 'tool_search'",
        )

    def test_added_tools_and_changed_settings_count(self) -> None:
        conversation = read(
            input=[
                {"role": "user", "content": "x"},
                {"type": "additional_tools", "role": "developer", "tools": [FUNCTION]},
                {"type": "configuration_update", "reasoning": {"effort": "high"}},
            ]
        )
        assert [tool.name for tool in conversation.tools] == ["find"]
        assert conversation.effort == "high"

    @pytest.mark.parametrize("protocol", SERVERS_OF_OTHERS)
    @pytest.mark.parametrize("kind", ["web_search", "mcp", "shell", "code_interpreter"])
    def test_hosted_tools_are_refused_by_name(self, protocol: str, kind: str) -> None:
        with pytest.raises(Unsupported) as caught:
            written(protocol, read(tools=[FUNCTION, {"type": kind}]))
        assert caught.value.param == f"tools of type '{kind}'"

    def test_grammars_are_spelt_as_each_protocol_does(self) -> None:
        tool = {"type": "custom", "name": "patch", "format": GRAMMAR}
        inner = {"syntax": "lark", "definition": "start: /.+/"}
        other = {
            "type": "custom",
            "custom": {"name": "patch", "format": {"type": "grammar", "grammar": inner}},
        }
        assert written("chat", read(tools=[tool]))["tools"] == [other]
        assert written("responses", chat(tools=[other]))["tools"] == [tool]

    @pytest.mark.parametrize(
        ("choice", "told"),
        [
            ("none", "none"),
            ("required", "required"),
            (
                {"type": "function", "name": "find"},
                {"type": "function", "function": {"name": "find"}},
            ),
            ({"type": "custom", "name": "run"}, {"type": "custom", "custom": {"name": "run"}}),
            (
                {
                    "type": "allowed_tools",
                    "mode": "required",
                    "tools": [{"type": "function", "name": "find"}],
                },
                {
                    "type": "allowed_tools",
                    "allowed_tools": {
                        "mode": "required",
                        "tools": [{"type": "function", "function": {"name": "find"}}],
                    },
                },
            ),
        ],
    )
    def test_choices_come_through_both_ways(self, choice: Any, told: Any) -> None:
        tools = [FUNCTION, {"type": "custom", "name": "run"}]
        body = written("chat", read(tools=tools, tool_choice=choice, parallel_tool_calls=False))
        assert body["tool_choice"] == told
        assert body["parallel_tool_calls"] is False
        again = written("responses", CLIENTS["chat"].read_request(body))
        assert again["tool_choice"] == choice

    def test_a_choice_of_a_hosted_tool_is_refused_by_name(self) -> None:
        with pytest.raises(Unsupported) as caught:
            read(tools=[FUNCTION], tool_choice={"type": "web_search_preview"})
        assert caught.value.param == "tool_choice"

    def test_strictness_means_the_same_on_both_sides(self) -> None:
        loose = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
        assert written("responses", chat(tools=[loose]))["tools"][0]["strict"] is False
        assert (
            "strict" not in written("chat", read(tools=[FUNCTION | {"strict": None}]))["tools"][0]
        )


class TestParameters:
    """Everything but input and tools."""

    def test_what_both_know_comes_through(self) -> None:
        schema = {"type": "object"}
        form = {"type": "json_schema", "name": "n", "schema": schema, "strict": True}
        body = written(
            "chat",
            read(
                max_output_tokens=7,
                temperature=0.5,
                top_p=0.9,
                reasoning={"effort": "high"},
                text={"format": form},
                service_tier="flex",
                safety_identifier="u1",
                top_logprobs=2,
                include=["message.output_text.logprobs", "reasoning.encrypted_content"],
                store=False,
                truncation="disabled",
                stream_options={"include_obfuscation": False},
            ),
        )
        assert body == {
            "model": "m",
            "messages": [{"role": "user", "content": "Hello"}],
            "max_tokens": 7,
            "temperature": 0.5,
            "top_p": 0.9,
            "reasoning_effort": "high",
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "n", "schema": schema, "strict": True},
            },
            "service_tier": "flex",
            "user": "u1",
            "logprobs": True,
            "top_logprobs": 2,
        }

    @pytest.mark.parametrize(
        ("fields", "name"),
        [
            ({"store": True}, "store"),
            ({"truncation": "auto"}, "truncation"),
            ({"metadata": {"a": "b"}}, "metadata"),
            ({"text": {"verbosity": "low"}}, "text.verbosity"),
            ({"reasoning": {"summary": "auto"}}, "reasoning.summary"),
            ({"include": ["file_search_call.results"]}, "include.file_search_call.results"),
            ({"prompt_cache_key": "k"}, "prompt_cache_key"),
            ({"max_tool_calls": 3}, "max_tool_calls"),
            ({"context_management": [{"type": "compaction"}]}, "context_management"),
            ({"stream_options": {"include_obfuscation": True}}, "stream_options"),
        ],
    )
    @pytest.mark.parametrize("protocol", SERVERS_OF_OTHERS)
    def test_hints_are_dropped_and_named(
        self, protocol: str, fields: dict[str, Any], name: str
    ) -> None:
        assert dropped(protocol, **fields) == (name,)

    @pytest.mark.parametrize(
        ("fields", "param"),
        [
            ({"moderation": {"model": "m"}}, "moderation"),
            ({"made_up_tomorrow": 1}, "made_up_tomorrow"),
            ({"text": {"format": {"type": "grammar"}}}, "text.format"),
            ({"text": {"format": {"type": "json_schema", "name": "n"}}}, "text.format"),
        ],
    )
    def test_what_changes_the_answer_is_refused_by_name(
        self, fields: dict[str, Any], param: str
    ) -> None:
        with pytest.raises(Unsupported) as caught:
            written("chat", read(**fields))
        assert caught.value.param == param

    @pytest.mark.parametrize(
        ("fields", "param"),
        [
            ({"previous_response_id": "r"}, "previous_response_id"),
            ({"conversation": {"id": "c"}}, "conversation"),
            ({"prompt": {"id": "p"}}, "prompt"),
            ({"background": True}, "background"),
        ],
    )
    def test_what_is_kept_elsewhere_is_refused_with_advice(
        self, fields: dict[str, Any], param: str
    ) -> None:
        with pytest.raises(Unsupported) as caught:
            read(**fields)
        assert caught.value.param == param
        assert caught.value.advice

    def test_breakpoints_of_the_cache_reach_anthropic(self) -> None:
        part = {
            "type": "input_text",
            "text": "long",
            "prompt_cache_breakpoint": {"mode": "explicit"},
        }
        (message,) = written("messages", read(input=user(part)))["messages"]
        assert message["content"][0]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}


class TestServersOfResponses:
    """What clients of other protocols say to servers that speak responses alone."""

    def test_nothing_is_left_at_the_server(self) -> None:
        assert written("responses", chat())["store"] is False

    @pytest.mark.parametrize(
        ("fields", "param"),
        [({"n": 2}, "n"), ({"stop": ["END"]}, "stop"), ({"audio": {"voice": "x"}}, "audio")],
    )
    def test_what_they_cannot_do_is_refused_by_name(
        self, fields: dict[str, Any], param: str
    ) -> None:
        with pytest.raises(Unsupported) as caught:
            written("responses", chat(**fields))
        assert caught.value.param == param

    def test_results_follow_their_calls_in_kind(self) -> None:
        call = {"id": "c", "type": "custom", "custom": {"name": "run", "input": "x"}}
        messages = [
            {"role": "user", "content": "Go"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c", "content": "done"},
        ]
        assert written("responses", chat(messages=messages))["input"][1:] == [
            {"call_id": "c", "name": "run", "type": "custom_tool_call", "input": "x"},
            {"type": "custom_tool_call_output", "call_id": "c", "output": "done"},
        ]

    def test_a_tools_error_says_so_in_its_text(self) -> None:
        messages = [
            {"role": "user", "content": "Go"},
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": "c", "name": "f", "input": {}}],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "c", "content": "no", "is_error": True}
                ],
            },
        ]
        body = {"model": "a", "max_tokens": 9, "messages": messages}
        told = written("responses", CLIENTS["messages"].read_request(body))
        assert told["input"][-1]["output"] == "Error: no"

    def test_quirks_of_parameters_hold(self) -> None:
        quirks = Quirks(drop=frozenset({"temperature"}), extra={"x": 1})
        body = written("responses", chat(temperature=1), quirks)
        assert "temperature" not in body
        assert body["x"] == 1
