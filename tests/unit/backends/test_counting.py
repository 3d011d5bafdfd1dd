"""How servers are asked for the size of a request: what is sent where, and how often."""

from typing import Any

import orjson
import pytest
from anthropic.types import message_count_tokens_params, message_create_params
from anthropic.types.beta import message_count_tokens_params as beta_count_params
from anthropic.types.beta import message_create_params as beta_create_params
from openai.types.responses import input_token_count_params, response_create_params

from router.ask import Ask
from router.backends.backend import Backend
from router.backends.counting.allowance import Allowance
from router.backends.counting.question import question
from router.backends.counting.table import BY_DIALECT, NOWAY, usual_way, ways_of
from router.backends.dialects.table import DIALECTS
from router.backends.transport.transport import HttpCall
from router.operations.content import parse_content_count
from router.operations.message import parse_message_count
from router.operations.response_count import parse_response_count
from router.protocols.quirks import Quirks
from router.protocols.unsupported import Unsupported

SAID = "How long is this?"
TOOL = {"name": "f", "input_schema": {"type": "object"}}
MESSAGE: dict[str, Any] = {
    "model": "auto",
    "system": "Be brief.",
    "messages": [{"role": "user", "content": SAID}],
    "tools": [TOOL],
}
CONTENT = {
    "contents": [{"role": "user", "parts": [{"text": SAID}]}],
    "systemInstruction": {"parts": [{"text": "Be brief."}]},
    "safetySettings": [],
}
RESPONSE = {"model": "auto", "instructions": "Be brief.", "input": SAID}
BACKENDS = {
    "openai": Backend("b", "http://h/v1", "m", api_key="k", counts="responses"),
    "llama.cpp": Backend("b", "http://h/v1", "m", counts="messages"),
    "vllm": Backend("b", "http://h/v1", "m", counts="tokenize"),
    "responses": Backend("b", "http://h/v1", "m", dialect="responses", counts="responses"),
    "anthropic": Backend(
        "b", "http://h/v1", "m", dialect="anthropic", api_key="k", counts="messages"
    ),
    "vertex-anthropic": Backend(
        "b", "http://h/x", "m@1", dialect="vertex-anthropic", counts="messages"
    ),
    "gemini": Backend("b", "http://h/v1beta", "m", dialect="gemini", counts="gemini"),
    "vertex": Backend("b", "http://h/x", "m", dialect="gemini", counts="vertex"),
}
ADDRESSES = {
    "openai": "http://h/v1/responses/input_tokens",
    "llama.cpp": "http://h/v1/messages/count_tokens",
    "vllm": "http://h/tokenize",
    "responses": "http://h/v1/responses/input_tokens",
    "anthropic": "http://h/v1/messages/count_tokens",
    "vertex-anthropic": "http://h/x/models/count-tokens:rawPredict",
    "gemini": "http://h/v1beta/models/m:countTokens",
    "vertex": "http://h/x/models/m:countTokens",
}


def message(**fields: Any) -> Ask:
    return parse_message_count(orjson.dumps(MESSAGE | fields))


ASKS = {
    "messages": message(),
    "gemini": parse_content_count(orjson.dumps(CONTENT), model="auto"),
    "responses": parse_response_count(orjson.dumps(RESPONSE)),
}


def asked(backend: Backend, ask: Ask) -> HttpCall:
    way = ways_of(backend.dialect)[backend.counts]
    return question(way, backend.deployments()[0], backend, ask, "r1")


@pytest.mark.parametrize("protocol", ASKS)
@pytest.mark.parametrize("name", BACKENDS)
def test_every_way_is_asked_for_every_protocol_with_all_that_a_model_reads(
    name: str, protocol: str
) -> None:
    call = asked(BACKENDS[name], ASKS[protocol])
    assert call.target.url == ADDRESSES[name]
    for text in (SAID, "Be brief."):
        assert text.encode() in call.body
    way = ways_of(BACKENDS[name].dialect)[BACKENDS[name].counts]
    assert way.beside.isdisjoint(orjson.loads(call.body))
    assert call.timeouts.total <= 5


def test_a_question_in_the_servers_words_keeps_what_nobody_here_knows() -> None:
    call = asked(BACKENDS["anthropic"], message(new={"thing": 1.5}, max_tokens=9))
    assert orjson.loads(call.body) == MESSAGE | {"model": "m", "new": {"thing": 1.5}}
    assert ("anthropic-version", "2023-06-01") in call.headers
    assert ("x-api-key", "k") in call.target.headers


def test_clients_headers_of_the_protocol_go_along() -> None:
    ask = parse_message_count(orjson.dumps(MESSAGE), {b"anthropic-beta": b"context-1m"})
    assert ("anthropic-beta", "context-1m") in asked(BACKENDS["anthropic"], ask).headers


def test_thoughts_that_the_server_would_refuse_are_not_counted() -> None:
    thought = {"type": "thinking", "thinking": "Hm", "signature": "turnout:gemini:x"}
    history = [
        {"role": "user", "content": SAID},
        {"role": "assistant", "content": [thought, {"type": "text", "text": "Long."}]},
        {"role": "user", "content": "Really?"},
    ]
    assert b"turnout:gemini" not in asked(BACKENDS["anthropic"], message(messages=history)).body


def test_vertex_is_told_the_model_in_the_body_and_google_in_a_request() -> None:
    body = orjson.loads(asked(BACKENDS["vertex-anthropic"], ASKS["messages"]).body)
    assert (body["model"], body["anthropic_version"]) == ("m@1", "vertex-2023-10-16")
    wrapped = orjson.loads(asked(BACKENDS["gemini"], ASKS["gemini"]).body)
    assert wrapped == {"generateContentRequest": {"model": "models/m"} | CONTENT}
    bare = orjson.loads(asked(BACKENDS["vertex"], ASKS["gemini"]).body)
    assert bare == {name: CONTENT[name] for name in ("contents", "systemInstruction")}


def test_what_stands_behind_every_address_stands_behind_this_one_too() -> None:
    query = (("api-version", "2024-10-21"),)
    backend = Backend("b", "http://h/v1", "m", counts="responses", query=query)
    url = asked(backend, ASKS["responses"]).target.url
    assert url == "http://h/v1/responses/input_tokens?api-version=2024-10-21"


def test_what_the_backend_is_not_told_is_not_counted() -> None:
    backend = Backend(
        "b", "http://h/v1", "m", counts="tokenize", quirks=Quirks(drop=frozenset({"tools"}))
    )
    assert "tools" not in orjson.loads(asked(backend, ASKS["messages"]).body)


def test_what_cannot_be_said_there_is_no_question() -> None:
    hosted = message(tools=[{"type": "web_search_20250305", "name": "web_search"}])
    with pytest.raises(Unsupported):
        asked(BACKENDS["vllm"], hosted)


def test_the_members_that_the_official_clients_do_not_count_are_left_out() -> None:
    beside = BY_DIALECT["anthropic"]["messages"].beside
    for create, count in (
        (message_create_params.MessageCreateParamsBase, message_count_tokens_params),
        (beta_create_params.MessageCreateParamsBase, beta_count_params),
    ):
        counted = set(count.MessageCountTokensParams.__annotations__)
        assert set(create.__annotations__) - counted <= beside
        assert beside & counted <= {"betas"}  # which is a header
    counted = set(input_token_count_params.InputTokenCountParams.__annotations__)
    asks = set(response_create_params.ResponseCreateParamsBase.__annotations__)
    left_out = BY_DIALECT["openai"]["responses"].beside
    assert asks - counted == left_out - {"stream"}


def test_every_way_is_of_a_dialect_and_no_way_is_never_one() -> None:
    assert set(BY_DIALECT) <= set(DIALECTS)
    assert all(NOWAY not in ways for ways in BY_DIALECT.values())
    assert {dialect: usual_way(dialect) for dialect in DIALECTS} == {
        "openai": NOWAY,  # many servers, few of which count
        "responses": "responses",
        "anthropic": "messages",
        "gemini": "gemini",
        "ollama": NOWAY,
        "replicate": NOWAY,
        "vertex-anthropic": "messages",
    }


def test_a_customer_has_an_allowance_by_the_minute_and_nobody_elses() -> None:
    allowance = Allowance(2)
    assert [allowance.take("acme", 0.0) for _ in range(3)] == [True, True, False]
    assert allowance.take("other", 0.0)
    assert not allowance.take("acme", 29.0)
    assert allowance.take("acme", 30.0)
    assert [allowance.take("acme", 600.0) for _ in range(3)] == [True, True, False]


def test_no_allowance_lets_nothing_pass() -> None:
    assert not Allowance(0).take("acme", 1_000.0)


def test_customers_are_remembered_in_bounds() -> None:
    allowance = Allowance(1)
    assert all(allowance.take(f"c{number}", 0.0) for number in range(10_001))
    assert allowance.take("c0", 0.0)  # forgotten
    assert not allowance.take("c10000", 0.0)
