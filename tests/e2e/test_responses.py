"""Responses at a gateway, asked by the official client: routed, metered, policed as chats are."""

import json

import openai
import patience
import pytest
from openai import OpenAI
from pydantic import BaseModel

BACKENDS = ["moe", "native"]  # translated to chat, and natively
TOOL = {
    "type": "function",
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    "strict": False,
}


class City(BaseModel):
    name: str


@pytest.fixture
def client(gateway):
    with OpenAI(base_url=gateway.url, api_key=gateway.key("enterprise"), max_retries=0) as made:
        yield made


@pytest.mark.parametrize("model", BACKENDS)
def test_a_response_has_text_usage_and_the_headers_of_a_chat(client, model):
    raw = client.responses.with_raw_response.create(model=model, input="Hello")
    response = raw.parse()
    assert "simulated" in response.output_text
    assert response.usage.output_tokens > 0
    assert raw.headers["x-turnout-backend"] == model
    assert float(raw.headers["x-turnout-cost-usd"]) > 0


def test_the_classifier_routes_it_like_a_chat(client):
    raw = client.responses.with_raw_response.create(model="auto", input="Hello")
    assert "local=" in raw.headers["x-turnout-success"]


@pytest.mark.parametrize("model", BACKENDS)
def test_a_stream_tells_what_it_says_once_more_at_its_end(client, model):
    with client.responses.stream(model=model, input="Hello") as stream:
        said = "".join(e.delta for e in stream if e.type == "response.output_text.delta")
        final = stream.get_final_response()
    assert said == final.output_text
    assert final.usage.output_tokens > 0


def test_the_real_local_model_answers_through_the_gateway(client):
    events = list(
        client.responses.create(model="local", input="Hello", max_output_tokens=12, stream=True)
    )
    assert events[-1].type in ("response.completed", "response.incomplete")
    assert 0 < events[-1].response.usage.output_tokens <= 12


@pytest.mark.parametrize("model", BACKENDS)
def test_a_tool_call_comes_back_and_its_result_can_be_sent(client, model):
    asked = {"model": model, "tools": [TOOL]}
    first = {"role": "user", "content": "Weather in Lisbon?"}
    response = client.responses.create(input=[first], **asked)
    call = next(item for item in response.output if item.type == "function_call")
    assert isinstance(json.loads(call.arguments), dict)
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
    after = client.responses.create(input=[first, call.to_dict(), result], **asked)
    assert after.output_text


@pytest.mark.parametrize("model", BACKENDS)
def test_a_structured_answer_is_parsed(client, model):
    parsed = client.responses.parse(model=model, input="Name a city.", text_format=City)
    assert parsed.output_parsed == City(name="simulated")


def test_what_was_dropped_is_named(client):
    raw = client.responses.with_raw_response.create(
        model="moe", input="Hello", store=True, truncation="auto"
    )
    assert raw.headers["x-turnout-dropped"] == "store, truncation"
    assert raw.parse().to_dict()["store"] is False


SEARCH = {"type": "web_search", "external_web_access": False}  # as Codex offers it


def test_a_search_that_is_offered_beside_tools_is_left_out_where_nobody_has_it(client):
    raw = client.responses.with_raw_response.create(
        model="moe", input="Hello", tools=[TOOL, SEARCH], tool_choice="auto"
    )
    assert raw.headers["x-turnout-dropped"] == "tools.web_search"
    assert raw.parse().output


def test_a_candidate_that_has_the_search_is_asked_first(client):
    raw = client.responses.with_raw_response.create(
        model="stateful", input="Hello", tools=[TOOL, SEARCH]
    )
    assert raw.headers["x-turnout-backend"] == "native"
    assert "x-turnout-dropped" not in raw.headers


def test_a_search_that_is_all_that_is_offered_is_refused_by_name_where_nobody_has_it(client):
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model="moe", input="Hello", tools=[SEARCH])
    assert caught.value.param == "tools of type 'web_search'"


def test_a_cascade_checks_whole_answers(client):
    raw = client.responses.with_raw_response.create(model="careful", input="Hello")
    assert raw.headers["x-turnout-backend"] == "premium"  # the first one says nothing
    assert raw.parse().output_text


def test_what_is_kept_goes_where_it_can_be_read_and_is_everybodys(client):
    raw = client.responses.with_raw_response.create(
        model="stateful", input="Hello", previous_response_id="resp_1"
    )
    assert raw.headers["x-turnout-backend"] == "remembers"


def test_no_account_is_asked_to_remember_but_one_that_is_everybodys(client):
    assert client.responses.create(model="native", input="Hello", store=True).store is False
    assert client.responses.create(model="remembers", input="Hello").store is True


def test_a_conversation_is_compacted_where_the_backend_offers_it_and_goes_on(client):
    turn = {"role": "user", "content": "Hello"}
    raw = client.responses.with_raw_response.compact(model="native", input=[turn])
    compacted = raw.parse()
    assert raw.headers["x-turnout-backend"] == "native"
    assert float(raw.headers["x-turnout-cost-usd"]) > 0
    assert compacted.object == "response.compaction"
    assert compacted.usage.total_tokens > 0
    rest = [item.to_dict(warnings=False) for item in compacted.output]
    assert rest[-1]["type"] == "compaction"
    after = client.responses.create(model="native", input=[*rest, turn])
    assert after.output_text


def test_a_route_compacts_at_the_candidate_that_can(client):
    raw = client.responses.with_raw_response.compact(model="stateful", input="Hello")
    assert raw.headers["x-turnout-backend"] == "native"


class TestErrors:
    """Each failure raises the class that a user of the client expects."""

    def test_what_is_kept_elsewhere_is_refused_with_what_to_do(self, client):
        with pytest.raises(openai.BadRequestError) as caught:
            client.responses.create(model="moe", input="x", previous_response_id="resp_1")
        assert "previous_response_id" in caught.value.message
        assert "whole conversation" in caught.value.message

    @pytest.mark.parametrize(
        "named",
        [
            {"previous_response_id": "resp_1"},
            {"conversation": "conv_1"},
            {"prompt": {"id": "pmpt_1"}},
            {"input": [{"type": "item_reference", "id": "msg_1"}]},
            {"tools": [{"type": "file_search", "vector_store_ids": ["vs_1"]}]},
        ],
    )
    def test_nobody_goes_on_from_what_another_customer_left_at_the_provider(self, client, named):
        with pytest.raises(openai.BadRequestError) as caught:
            client.responses.create(**({"model": "native", "input": "x"} | named))
        assert "all customers of this gateway share" in caught.value.message
        assert "responses.keys" in caught.value.message

    def test_nobody_compacts_where_no_backend_offers_it(self, client):
        with pytest.raises(openai.BadRequestError) as caught:
            client.responses.compact(model="moe", input="x")
        assert "compactions" in caught.value.message

    @pytest.mark.parametrize("kind", ["compaction", "compaction_trigger"])
    def test_what_only_its_maker_reads_is_refused_by_name_elsewhere(self, client, kind):
        item = {"type": kind, "id": "cmp_1", "encrypted_content": "c2ltdWxhdGVk"}
        turn = {"role": "user", "content": "Hello"}
        with pytest.raises(openai.BadRequestError) as caught:
            client.responses.create(model="moe", input=[turn, item])
        assert f"'{kind}'" in caught.value.message

    def test_a_missing_field_is_a_bad_request_that_names_it(self, client):
        with pytest.raises(openai.BadRequestError) as caught:
            client.responses.create(model="moe")
        assert caught.value.param == "input"

    def test_a_hosted_tool_is_refused_by_name(self, client):
        with pytest.raises(openai.BadRequestError) as caught:
            client.responses.create(model="moe", input="x", tools=[{"type": "web_search"}])
        assert "web_search" in caught.value.message

    def test_a_stream_that_breaks_off_raises(self, client):
        with pytest.raises(openai.APIError) as caught:
            list(client.responses.create(model="breaks", input="x", stream=True))
        assert "broke off" in caught.value.message

    def test_a_used_up_quota_is_a_rate_limit_error(self, gateway):
        key = gateway.new_key("tiny")
        with OpenAI(base_url=gateway.url, api_key=key, max_retries=0) as client:
            client.responses.create(model="moe", input="x")
            with pytest.raises(openai.RateLimitError):
                client.responses.create(model="moe", input="x")

    def test_another_method_is_told_so(self, gateway):
        answer = patience.get(f"{gateway.url}/responses")
        assert answer.status_code == 405
        assert answer.json()["error"]["code"] == "method_not_allowed"
