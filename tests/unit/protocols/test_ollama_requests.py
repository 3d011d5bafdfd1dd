"""What Ollama's own form is told of a conversation, and what it has no words for."""

from typing import Any

import pytest
from hub_requests import HELLO, IMAGE, PIXEL, SOURCE, call, from_chat, from_messages, user, written

from router.protocols.quirks import PLAIN, Quirks
from router.protocols.unsupported import Unsupported

TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
PLAIN_BODY = {"model": "real", "stream": False, "truncate": False, "shift": False}


def test_a_plain_request_asks_for_an_error_where_it_does_not_fit() -> None:
    assert from_chat("ollama", HELLO) == PLAIN_BODY | {"messages": [HELLO]}


def test_limits_and_sampling_are_options() -> None:
    body = from_chat(
        *("ollama", HELLO),
        **{"max_tokens": 9, "temperature": 0.5, "top_p": 0.9, "top_k": 5, "seed": 3, "min_p": 0.1},
        **{"presence_penalty": 1, "frequency_penalty": 2, "repetition_penalty": 1.1},
        stop=["END", ""],
    )
    assert body["options"] == {
        **{"num_predict": 9, "temperature": 0.5, "top_p": 0.9, "top_k": 5, "seed": 3},
        **{"presence_penalty": 1, "frequency_penalty": 2},
        **{"min_p": 0.1, "repeat_penalty": 1.1, "stop": ["END"]},
    }


def test_the_servers_context_is_the_window_that_we_count_on() -> None:
    output = written("chat", "ollama", {"messages": [HELLO]}, PLAIN.within(32768))
    assert output.body["options"] == {"num_ctx": 32768}
    own = Quirks(extra={"keep_alive": "30m", "options": {"num_gpu": 1}}).within(8192)
    output = written("chat", "ollama", {"messages": [HELLO], "max_tokens": 9}, own)
    assert output.body["keep_alive"] == "30m"
    assert output.body["options"] == {"num_predict": 9, "num_ctx": 8192, "num_gpu": 1}


def test_what_an_operator_drops_is_named_if_the_client_gave_it() -> None:
    quirks = Quirks(drop=frozenset({"seed", "num_ctx", "truncate", "think"})).within(8192)
    body = {"messages": [HELLO], "seed": 3, "reasoning_effort": "none"}
    output = written("chat", "ollama", body, quirks)
    assert output.body == {"model": "real", "messages": [HELLO], "stream": False, "shift": False}
    assert output.dropped == ("seed", "think")


def test_images_stand_where_they_were_said() -> None:
    parts = [IMAGE, {"type": "text", "text": "Like"}, IMAGE, {"type": "text", "text": "this?"}]
    assert written("chat", "ollama", user(*parts)).body["messages"] == [
        {"role": "user", "content": "Like", "images": [PIXEL]},
        {"role": "user", "content": "this?", "images": [PIXEL]},
    ]


def test_calls_have_objects_and_results_the_names_of_their_tools() -> None:
    answer = {
        **{"role": "assistant", "content": "Wait.", "reasoning_content": "Hm."},
        "tool_calls": [call("c1", '{"a":1}'), call("c1", "[2]")],
    }
    results = [{"role": "tool", "tool_call_id": "c1", "content": text} for text in "xy"]
    assert from_chat("ollama", HELLO, answer, *results)["messages"][1:] == [
        {
            **{"role": "assistant", "content": "Wait.", "thinking": "Hm."},
            "tool_calls": [
                {"id": "c1", "function": {"name": "f", "arguments": {"a": 1}}},
                {"id": "c1_2", "function": {"name": "f", "arguments": {"input": [2]}}},
            ],
        },
        {"role": "tool", "content": "x", "tool_name": "f", "tool_call_id": "c1"},
        {"role": "tool", "content": "y", "tool_name": "f", "tool_call_id": "c1_2"},
    ]


def test_what_a_tool_shows_and_how_it_failed_are_told() -> None:
    used = {"type": "tool_use", "id": "t1", "name": "f", "input": {}}
    image = {"type": "image", "source": SOURCE}
    results = [
        {"type": "tool_result", "tool_use_id": "t1", "is_error": True, "content": [image]},
        {"type": "text", "text": "Why?"},
    ]
    said = {"role": "assistant", "content": [used]}
    body = from_messages("ollama", HELLO, said, {"role": "user", "content": results})
    assert body["messages"][2:] == [
        {
            **{"role": "tool", "content": "Error: (in the next message)"},
            **{"tool_name": "f", "tool_call_id": "t1"},
        },
        {"role": "user", "content": "What tool call t1 returned:"},
        {"role": "user", "content": "Why?", "images": [PIXEL]},
    ]


def test_tools_are_offered_and_a_subset_is_all_that_is_offered() -> None:
    other = {"type": "function", "function": {"name": "g", "description": "G.", "strict": True}}
    body = from_chat("ollama", HELLO, tools=[TOOL, other])
    assert body["tools"] == [
        TOOL,
        {
            "type": "function",
            "function": {
                **{"name": "g", "description": "G."},
                "parameters": {"type": "object", "properties": {}},
            },
        },
    ]
    subset = {"mode": "auto", "tools": [{"type": "function", "function": {"name": "f"}}]}
    choice = {"type": "allowed_tools", "allowed_tools": subset}
    assert from_chat("ollama", HELLO, tools=[TOOL, other], tool_choice=choice)["tools"] == [TOOL]
    assert "tools" not in from_chat("ollama", HELLO, tools=[TOOL], tool_choice="none")


@pytest.mark.parametrize(
    ("wanted", "form"),
    [
        ({"type": "json_object"}, "json"),
        ({"type": "json_schema", "json_schema": {"schema": {"type": "array"}}}, {"type": "array"}),
    ],
)
def test_the_format_of_an_answer_is_a_word_or_a_schema(wanted: Any, form: Any) -> None:
    assert from_chat("ollama", HELLO, response_format=wanted)["format"] == form


def test_log_probabilities_are_asked_for() -> None:
    body = from_chat("ollama", HELLO, logprobs=True, top_logprobs=2)
    assert (body["logprobs"], body["top_logprobs"]) == (True, 2)


@pytest.mark.parametrize(
    ("client", "more", "think", "dropped"),
    [
        ("chat", {}, None, ()),
        ("chat", {"reasoning_effort": "none"}, False, ()),
        ("chat", {"reasoning_effort": "high"}, None, ("reasoning_effort",)),
        ("messages", {"thinking": {"type": "disabled"}}, False, ()),
        ("messages", {"thinking": {"type": "enabled", "budget_tokens": 9}}, None, ("thinking",)),
    ],
)
def test_thoughts_are_left_to_the_model_or_forbidden(
    client: str, more: Any, think: bool | None, dropped: tuple[str, ...]
) -> None:
    output = written(client, "ollama", {"max_tokens": 9, "messages": [HELLO]} | more)
    assert output.body.get("think") is think
    assert output.dropped == dropped


def test_levels_of_thought_are_told_where_the_operator_knows_the_servers_words() -> None:
    quirks = Quirks(values={"think": {"minimal": "low", "high": "high"}})
    body = {"messages": [HELLO], "reasoning_effort": "minimal"}
    output = written("chat", "ollama", body, quirks)
    assert (output.body["think"], output.dropped) == ("low", ())


def test_a_request_of_no_turns_is_not_one_to_load_the_model() -> None:
    assert from_chat("ollama")["messages"] == [{"role": "user", "content": "."}]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"n": 2}, "n"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"tools": [TOOL], "tool_choice": "required"}, "tool_choice"),
        (
            {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "f"}}},
            "tool_choice",
        ),
        ({"tools": [{"type": "web_search"}]}, "tools of type 'web_search'"),
        ({"web_search_options": {}}, "web_search_options"),
        (
            user({"type": "image_url", "image_url": {"url": "https://host/a.png"}}),
            "messages: an image by its address",
        ),
        (
            user({"type": "input_audio", "input_audio": {"data": "QUJD", "format": "wav"}}),
            "messages: content of type 'audio'",
        ),
        (
            user({"type": "file", "file": {"file_data": "data:application/pdf;base64,QUJD"}}),
            "messages: content of type 'file'",
        ),
    ],
)
def test_what_it_has_no_words_for_is_refused_by_name(body: dict[str, Any], param: str) -> None:
    with pytest.raises(Unsupported) as caught:
        written("chat", "ollama", {"messages": [HELLO]} | body)
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("more", "name"),
    [
        ({"logit_bias": {"1": 5}}, "logit_bias"),
        ({"tools": [TOOL], "parallel_tool_calls": False}, "parallel_tool_calls"),
        ({"user": "u1"}, "user"),
        ({"service_tier": "flex"}, "service_tier"),
        ({"stop": [""]}, "stop"),
        ({"metadata": {"a": "b"}}, "metadata"),
    ],
)
def test_hints_that_it_does_not_know_are_dropped_and_named(more: Any, name: str) -> None:
    assert written("chat", "ollama", {"messages": [HELLO]} | more).dropped == (name,)
