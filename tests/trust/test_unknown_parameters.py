"""What changes an answer, its writer or its price goes on by the operator's permission alone."""

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from modelservers import in_this_loop
from scripted import Scripted

from router.ask import Ask
from router.backends.backend import Backend
from router.backends.dialects.parameters import permitted
from router.backends.dispatch.dispatch import Dispatcher
from router.backends.transport.httptools_transport import HttptoolsTransport
from router.errors import BadRequest, UpstreamRejected
from router.operations.table import OPERATIONS
from router.protocols.parameters import DOCUMENTED, STEERING
from router.protocols.quirks import Quirks
from router.protocols.twins import fold
from router.protocols.unsupported import Unsupported

BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "x"}], "max_tokens": 1},
    "/v1/completions": {"prompt": "x", "max_tokens": 1},
    "/v1/messages": {"messages": [{"role": "user", "content": "x"}], "max_tokens": 1},
    "/v1/responses": {"input": "x", "max_output_tokens": 16},
    "/v1/embeddings": {"input": "x"},
    "/v1/images/generations": {"prompt": "x"},
}
PARSE = {row.path: row.parse for row in OPERATIONS}
SPEAKS = frozenset({"messages", "responses"})
CHAT = "/v1/chat/completions"
CHANGES = (  # what is written, by whom, at what price; whose server obeys is in the table
    *("min_tokens", "ignore_eos", "use_beam_search", "n_predict", "max_new_tokens", "n_cmpl"),
    *("num_return_sequences", "lora", "adapter_id", "logits_processors", "custom_logit_processor"),
    *("mock_response", "models", "provider", "kv_transfer_params", "bootstrap_host", "api_base"),
    *("search_parameters", "enable_search", "web_search", "priority", "keep_alive", "id_slot"),
    *("input_cost_per_token", "deferred", "litellm_params", "data_sources", "MIN_TOKENS"),
    *("maximum_reply_tokens", "answer_length", "other_model", "price_class", "target_url"),
)
HARMLESS = {
    "repetition_penalty": 1.1,
    "stop_token_ids": [2],
    "chat_template_kwargs": {"enable_thinking": False},
    "guided_json": {"type": "object", "properties": {"api_key": {}, "max_tokens": {}}},
    "thinking_budget": 100,
    "a_field_of_tomorrow": {"deep": [1, 2.5, None]},
    "cache_prompt": True,
}


def backend(**quirks: Any) -> Backend:
    made = Quirks(**quirks)
    return Backend("b", "http://127.0.0.1:9/v1", "m", quirks=made, speaks=SPEAKS)


def parsed(path: str, **fields: Any) -> Ask:
    return PARSE[path](orjson.dumps({"model": "m"} | BODIES[path] | fields), {})


def refused(path: str, at: Backend, **fields: Any) -> str:
    """The name under which a request is refused; empty where it goes on."""
    try:
        permitted(at, parsed(path, **fields))
    except (Unsupported, BadRequest) as error:
        return error.param or "nothing by name"
    return ""


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("name", CHANGES)
def test_what_changes_the_answer_or_its_bill_is_refused_by_its_name(path, name):
    assert refused(path, backend(), **{name: 300}) == name


@pytest.mark.parametrize("name", sorted(STEERING.keys() & {"mintokens", "lora", "deferred"}))
@pytest.mark.parametrize("way", ["guard", "refuse", "pass"])
def test_what_is_known_to_steer_goes_on_only_where_it_is_named(name, way):
    assert refused(CHAT, backend(unknown_parameters=way), **{name: 1}) == name
    let = backend(unknown_parameters=way, parameters=frozenset({name}))
    assert refused(CHAT, let, **{name: 1}) == ""


@pytest.mark.parametrize("name", HARMLESS)
def test_what_changes_neither_goes_on_as_it_came(name):
    ask = parsed(CHAT, **{name: HARMLESS[name]})
    assert permitted(backend(), ask).raw == ask.raw


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"options": {"num_predict": 300}}, "options.num_predict"),
        ({"generationConfig": {"maxOutputTokens": 300}}, "generationConfig.maxOutputTokens"),
        ({"parameters": {"max_new_tokens": 300}}, "parameters.max_new_tokens"),
        ({"x": [{"y": {"api_base": "http://x"}}]}, "x.y.api_base"),
        ({"extra_body": {"min_tokens": 9}}, "min_tokens"),
        ({"extra_body": {"api_key": "k"}}, "api_key"),
        ({"metadata": {"api_base": "http://x"}}, "api_base"),
        ({"x": {str(n): n for n in range(2_000)}}, "x"),
    ],
)
def test_it_is_found_inside_of_other_parameters_too(fields, named):
    assert refused(CHAT, backend(), **fields) == named


def test_words_of_customers_are_no_parameters():
    call = {"name": "f", "arguments": '{"api_base": "x", "n_predict": 3}'}
    calls = [{"id": "1", "type": "function", "function": call}]
    messages = [
        {"role": "user", "content": '{"api_key": "k", "n_predict": 300}'},
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "tool_call_id": "1", "content": "min_tokens"},
    ]
    schema = {"type": "object", "properties": {"api_base": {}, "n_predict": {}, "provider": {}}}
    tools = [{"type": "function", "function": {"name": "f", "parameters": schema}}]
    wanted = {"type": "json_schema", "json_schema": {"name": "s", "schema": schema}}
    fields = {"messages": messages, "tools": tools, "response_format": wanted}
    assert refused(CHAT, backend(), **fields, metadata={"route": "a", "models": "b"}) == ""


@pytest.mark.parametrize("name", ["a_field_of_tomorrow", "min_tokens", "answer_length"])
def test_an_operator_may_have_what_nobody_knows_refused_dropped_or_passed(name):
    assert refused(CHAT, backend(unknown_parameters="refuse"), **{name: 1}) == name
    kept = permitted(backend(unknown_parameters="drop"), parsed(CHAT, **{name: 1}, top_p=1))
    assert name not in orjson.loads(kept.raw)
    assert kept.raw == parsed(CHAT, top_p=1).raw
    passes = refused(CHAT, backend(unknown_parameters="pass"), **{name: 1})
    assert passes == (name if fold(name) in STEERING else "")


def test_what_is_translated_is_refused_or_dropped_by_the_translation():
    claude = Backend("c", "http://127.0.0.1:9/v1", "m", dialect="anthropic")
    assert refused(CHAT, claude, min_tokens=3) == ""
    dropping = Backend(
        "c", "http://x", "m", dialect="anthropic", quirks=Quirks(unknown_parameters="drop")
    )
    assert "min_tokens" not in permitted(dropping, parsed(CHAT, min_tokens=3)).body


def test_nothing_is_both_documented_and_known_to_steer():
    assert {fold(name) for name in DOCUMENTED} & STEERING.keys() == set()


@pytest.fixture
async def dispatcher() -> AsyncIterator[Dispatcher]:
    dispatcher = Dispatcher(HttptoolsTransport())
    yield dispatcher
    await dispatcher.close()


async def test_a_client_is_told_what_was_refused_and_what_was_dropped(dispatcher):
    choice = {"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}
    server = Scripted(({"id": "c", "model": "m", "choices": [choice]}, b""))
    async with in_this_loop(server) as url:
        careful = Backend("b", url, "m")
        lenient = Backend("l", url, "m", quirks=Quirks(unknown_parameters="drop"))
        ask = parsed(CHAT, min_tokens=300)
        with pytest.raises(UpstreamRejected, match="how much is written") as error:
            async with dispatcher.open([careful], ask, "r1"):
                pass
        assert (error.value.status, error.value.param) == (400, "min_tokens")
        assert server.heard == []
        async with dispatcher.open([careful, lenient], ask, "r2") as upstream:
            assert upstream.headers == (("x-turnout-dropped", "min_tokens"),)
        (heard,) = server.heard
    assert "min_tokens" not in heard
