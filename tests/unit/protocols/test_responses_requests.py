"""What becomes of a response's request at servers of other protocols, and of theirs at its own."""

from typing import Any

import pytest
from responses_requests import SERVERS_OF_OTHERS, chat, dropped, read, user, written

from router.protocols.hub.conversation import Call, Image, Result, Text
from router.protocols.hub.table import CLIENTS
from router.protocols.quirks import Quirks
from router.protocols.unsupported import Unsupported


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
