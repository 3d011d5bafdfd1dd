"""Tools in a response's request, at servers of other protocols."""

import json
from typing import Any

import pytest
from responses_requests import (
    FUNCTION,
    GRAMMAR,
    SERVERS_OF_OTHERS,
    chat,
    dropped,
    read,
    written,
)

from router.protocols.hub.conversation import Call
from router.protocols.hub.table import CLIENTS
from router.protocols.responses.tools import WEB_SEARCHES
from router.protocols.unsupported import Unsupported


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
    @pytest.mark.parametrize("choice", [None, "auto", "none"])
    @pytest.mark.parametrize("kind", sorted(WEB_SEARCHES))
    def test_a_search_that_is_merely_offered_beside_other_tools_is_left_out_and_named(
        self, protocol: str, kind: str, choice: str | None
    ) -> None:
        search = {"type": kind, "external_web_access": False}
        given = {"tools": [FUNCTION, search], "tool_choice": choice}
        (tool,) = read(**given).tools
        assert tool.name == "find"
        assert f"tools.{kind}" in dropped(protocol, **given)

    @pytest.mark.parametrize("protocol", SERVERS_OF_OTHERS)
    @pytest.mark.parametrize(
        "given",
        [
            {"tools": [{"type": "web_search"}]},
            {"tools": [{"type": "web_search"}, {"type": "tool_search"}]},
            {"tools": [FUNCTION, {"type": "web_search"}], "tool_choice": "required"},
        ],
        ids=["alone", "beside no tool of the client", "demanded"],
    )
    def test_a_search_that_is_wanted_is_refused_by_name(self, protocol: str, given: Any) -> None:
        with pytest.raises(Unsupported) as caught:
            written(protocol, read(**given))
        assert caught.value.param == "tools of type 'web_search'"

    @pytest.mark.parametrize("protocol", SERVERS_OF_OTHERS)
    @pytest.mark.parametrize("kind", ["file_search", "mcp", "shell", "code_interpreter"])
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
