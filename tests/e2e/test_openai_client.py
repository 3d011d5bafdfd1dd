"""The official client, pointed at Turnout, cannot tell it from OpenAI but for the headers."""

import asyncio
import json

import openai
import pytest
from openai import AsyncOpenAI, OpenAI

HELLO = [{"role": "user", "content": "Say hello to a new colleague."}]
SCHEMA = {
    "type": "json_schema",
    "json_schema": {
        "name": "city",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"name": {"type": "string"}},
            "required": ["name"],
            "additionalProperties": False,
        },
    },
}
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}
PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwAD"
    "hgGAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.fixture
def client(gateway):
    with OpenAI(base_url=gateway.url, api_key=gateway.key("enterprise"), max_retries=0) as made:
        yield made


def test_a_plain_completion_has_text_usage_and_the_name_of_what_served(client):
    answer = client.chat.completions.create(model="premium", messages=HELLO)
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.prompt_tokens > 0
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer.model == "simulated-premium"


def test_the_real_local_model_answers_through_the_gateway(client):
    raw = client.chat.completions.with_raw_response.create(
        model="local", messages=HELLO, max_tokens=12, seed=7
    )
    answer = raw.parse()
    assert raw.headers["x-turnout-backend"] == "local"
    assert answer.model == "smollm2-135m-instruct-q4_1"
    assert answer.choices[0].message.content
    assert 0 < answer.usage.completion_tokens <= 12


async def test_the_async_client_works_and_many_calls_at_once_do(gateway):
    async with AsyncOpenAI(
        base_url=gateway.url, api_key=gateway.key("enterprise"), max_retries=0
    ) as client:
        answers = await asyncio.gather(
            *(client.chat.completions.create(model="moe", messages=HELLO) for _ in range(20))
        )
    assert all(answer.choices[0].message.content for answer in answers)


@pytest.mark.parametrize("model", ["local", "premium"])
def test_a_stream_hides_the_usage_chunk_from_a_client_that_did_not_ask(client, model):
    chunks = list(
        client.chat.completions.create(model=model, messages=HELLO, max_tokens=12, stream=True)
    )
    assert all(chunk.choices for chunk in chunks)
    assert all(chunk.usage is None for chunk in chunks)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert chunks[-1].choices[0].finish_reason in ("stop", "length")


@pytest.mark.parametrize("model", ["local", "premium"])
def test_a_stream_ends_with_usage_for_a_client_that_asked(client, model):
    chunks = list(
        client.chat.completions.create(
            model=model,
            messages=HELLO,
            max_tokens=12,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens > 0


def test_the_stream_helper_assembles_the_answer(client):
    with client.chat.completions.stream(model="premium", messages=HELLO) as stream:
        stream.until_done()
        assert stream.get_final_completion().choices[0].message.content


async def test_the_async_client_streams(gateway):
    async with AsyncOpenAI(
        base_url=gateway.url, api_key=gateway.key("enterprise"), max_retries=0
    ) as client:
        stream = await client.chat.completions.create(model="moe", messages=HELLO, stream=True)
        parts = [chunk.choices[0].delta.content or "" async for chunk in stream]
    assert "".join(parts)


def test_a_tool_call_comes_back_and_its_result_can_be_sent(client):
    asked = [{"role": "user", "content": "What is the weather in Lisbon?"}]
    answer = client.chat.completions.create(
        model="premium", messages=asked, tools=[TOOL], tool_choice="required"
    )
    call = answer.choices[0].message.tool_calls[0]
    assert answer.choices[0].finish_reason == "tool_calls"
    assert call.function.name == "get_weather"
    assert isinstance(json.loads(call.function.arguments), dict)
    result = [
        *asked,
        answer.choices[0].message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": call.id, "content": "sunny"},
    ]
    follow_up = client.chat.completions.create(model="premium", messages=result, tools=[TOOL])
    assert follow_up.choices[0].message


def test_a_streamed_tool_call_can_be_put_together(client):
    stream = client.chat.completions.create(
        model="premium", messages=HELLO, tools=[TOOL], tool_choice="required", stream=True
    )
    name, arguments = "", ""
    for chunk in stream:
        for call in chunk.choices[0].delta.tool_calls or []:
            name += call.function.name or ""
            arguments += call.function.arguments or ""
    assert name == "get_weather"
    assert isinstance(json.loads(arguments), dict)


@pytest.mark.parametrize("model", ["local", "premium"])
def test_a_json_schema_is_followed(client, model):
    answer = client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": "Name a city, as JSON."}],
        response_format=SCHEMA,
        max_tokens=40,
        temperature=0,  # the real model is small: at its own temperature it sometimes rambles
    )
    assert isinstance(json.loads(answer.choices[0].message.content)["name"], str)


def test_several_choices_and_their_log_probabilities_come_back(client):
    answer = client.chat.completions.create(
        model="premium", messages=HELLO, n=3, logprobs=True, top_logprobs=2
    )
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert all(choice.logprobs.content for choice in answer.choices)


def test_image_parts_go_to_a_backend_that_can_see(client):
    parts = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": PIXEL}},
    ]
    raw = client.chat.completions.with_raw_response.create(
        model="auto", messages=[{"role": "user", "content": parts}]
    )
    assert raw.headers["x-turnout-backend"] in ("moe", "premium")
    assert raw.parse().choices[0].message.content


def test_seed_user_and_unknown_fields_reach_the_backend_unchanged(client, gateway):
    client.chat.completions.create(
        model="premium",
        messages=HELLO,
        seed=41,
        user="u-1",
        extra_body={"a_field_of_tomorrow": {"deep": [1, 2.5, None]}},
    )
    body = gateway.last_request("premium")
    assert body["seed"] == 41
    assert body["user"] == "u-1"
    assert body["a_field_of_tomorrow"] == {"deep": [1, 2.5, None]}
    assert body["model"] == "simulated-premium"


def test_the_headers_say_what_happened(client):
    raw = client.chat.completions.with_raw_response.create(model="auto", messages=HELLO)
    headers = raw.headers
    assert headers["x-turnout-route"] == "auto"
    assert headers["x-turnout-backend"] in ("local", "moe", "premium")
    assert "local=" in headers["x-turnout-success"]
    assert headers["x-turnout-reason"]
    assert len(headers["x-turnout-decision"]) == 32
    assert float(headers["x-turnout-cost-usd"]) > 0
    assert headers["x-request-id"] == raw.request_id
    for family in ("requests", "tokens"):
        if f"x-ratelimit-limit-{family}" in headers:
            assert int(headers[f"x-ratelimit-remaining-{family}"]) >= 0
            assert headers[f"x-ratelimit-reset-{family}"][-1] in "sm"


def test_models_lists_what_the_key_may_ask_for(client):
    names = {model.id for model in client.models.list()}
    assert {"auto", "local", "moe", "premium"} <= names
    assert client.models.retrieve("auto").id == "auto"


def test_an_alias_keeps_applications_as_they_are(client):
    raw = client.chat.completions.with_raw_response.create(model="gpt-4o", messages=HELLO)
    assert raw.headers["x-turnout-route"] == "auto"


class TestErrors:
    """Each failure raises the class that a user of the client expects."""

    def test_an_unknown_key_is_an_authentication_error(self, gateway):
        with OpenAI(base_url=gateway.url, api_key="tk-nobody", max_retries=0) as client:
            with pytest.raises(openai.AuthenticationError) as caught:
                client.chat.completions.create(model="auto", messages=HELLO)
            with pytest.raises(openai.AuthenticationError):
                client.models.list()
        assert caught.value.code == "invalid_api_key"

    def test_a_missing_field_is_a_bad_request_that_names_it(self, client):
        with pytest.raises(openai.BadRequestError) as caught:
            client.chat.completions.create(model="auto", messages=[])
        assert caught.value.param == "messages"

    def test_an_unknown_model_is_not_found(self, client):
        with pytest.raises(openai.NotFoundError) as caught:
            client.chat.completions.create(model="gpt-17", messages=HELLO)
        assert caught.value.code == "model_not_found"
        with pytest.raises(openai.NotFoundError):
            client.models.retrieve("gpt-17")

    def test_a_backend_that_the_tier_may_not_use_is_a_permission_error(self, gateway):
        with (
            OpenAI(base_url=gateway.url, api_key=gateway.key("free"), max_retries=0) as client,
            pytest.raises(openai.PermissionDeniedError),
        ):
            client.chat.completions.create(model="premium", messages=HELLO)

    def test_a_used_up_quota_is_a_rate_limit_error_with_its_wait(self, gateway):
        key = gateway.new_key("tiny")
        with OpenAI(base_url=gateway.url, api_key=key, max_retries=0) as client:
            client.chat.completions.create(model="moe", messages=HELLO)
            with pytest.raises(openai.RateLimitError) as caught:
                client.chat.completions.create(model="moe", messages=HELLO)
        response = caught.value.response
        assert caught.value.code == "rate_limit_exceeded"
        assert 0 < int(response.headers["retry-after"]) <= 65
        assert response.headers["x-ratelimit-remaining-requests"] == "0"


@pytest.mark.parametrize("base", ["", "/", "/v1/"])
def test_a_base_url_without_v1_or_with_a_slash_works_too(gateway, base):
    key = gateway.key("enterprise")
    with OpenAI(base_url=gateway.root + base, api_key=key, max_retries=0) as made:
        answer = made.chat.completions.create(model="premium", messages=HELLO, max_tokens=3)
        assert answer.usage.total_tokens > 0
        assert made.models.retrieve("premium").id == "premium"
        assert made.models.list().data


def test_a_model_that_is_silent_for_long_is_waited_for(client):
    events = list(client.chat.completions.create(model="late", messages=HELLO, stream=True))
    assert "".join(event.choices[0].delta.content or "" for event in events)


def test_a_model_that_stays_silent_is_an_error_in_the_stream(client):
    answer = client.chat.completions.with_streaming_response.create(
        model="never", messages=HELLO, stream=True
    )
    with answer as response:
        lines = list(response.iter_lines())
    assert ": keepalive" in lines
    (told,) = [line for line in lines if line.startswith("data: ")]
    assert json.loads(told.removeprefix("data: "))["error"]["code"] == "upstream_timeout"
    events = client.chat.completions.create(model="never", messages=HELLO, stream=True)
    with pytest.raises(openai.APIError, match="time"):
        list(events)
