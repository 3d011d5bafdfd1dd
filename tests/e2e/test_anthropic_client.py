"""The official `anthropic` client, pointed at Turnout: the same gateway in another protocol."""

import anthropic
import pytest
from anthropic import Anthropic

HELLO = [{"role": "user", "content": "Say hello to a new colleague."}]
TOOL = {
    "name": "get_weather",
    "description": "The weather in a city.",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}


@pytest.fixture
def client(gateway):
    with Anthropic(base_url=gateway.root, api_key=gateway.key("enterprise"), max_retries=0) as made:
        yield made


@pytest.mark.parametrize("model", ["local", "premium"])
def test_a_message_comes_back_with_text_and_usage(client, model):
    message = client.messages.create(model=model, max_tokens=40, messages=HELLO)
    assert message.content[0].text
    assert message.usage.output_tokens > 0
    assert message.stop_reason in ("end_turn", "max_tokens")


def test_a_stream_of_events_can_be_put_together(client):
    with client.messages.stream(
        model="premium", max_tokens=200, messages=HELLO, system="Be brief."
    ) as stream:
        text = "".join(stream.text_stream)
        message = stream.get_final_message()
    assert message.content[0].text == text
    assert message.usage.output_tokens > 0


def test_a_tool_is_used(client):
    message = client.messages.create(
        model="premium",
        max_tokens=100,
        messages=HELLO,
        tools=[TOOL],
        tool_choice={"type": "any"},
    )
    used = [block for block in message.content if block.type == "tool_use"]
    assert used[0].name == "get_weather"
    assert isinstance(used[0].input, dict)


def test_tokens_are_counted_without_a_backend(client):
    assert client.messages.count_tokens(model="premium", messages=HELLO).input_tokens > 0


def test_errors_raise_the_class_one_expects(client, gateway):
    with pytest.raises(anthropic.NotFoundError):
        client.messages.create(model="nowhere", max_tokens=10, messages=HELLO)
    with pytest.raises(anthropic.BadRequestError):
        client.messages.create(model="premium", max_tokens=10, messages=[])
    with (
        Anthropic(base_url=gateway.root, api_key="nobody", max_retries=0) as stranger,
        pytest.raises(anthropic.AuthenticationError),
    ):
        stranger.messages.create(model="premium", max_tokens=10, messages=HELLO)


def test_the_models_are_listed_page_by_page_and_described(client):
    models = list(client.models.list(limit=2))
    assert len(models) > 4
    assert len({model.id for model in models}) == len(models)
    local = client.models.retrieve("local")
    assert (local.id, local.type, local.max_input_tokens) == ("local", "model", 8192)
    page = client.models.list(limit=2, before_id=models[4].id)
    assert [model.id for model in page.data] == [model.id for model in models[2:4]]
    assert page.has_more
    with pytest.raises(anthropic.NotFoundError):
        client.models.retrieve("nowhere")
    with pytest.raises(anthropic.BadRequestError):
        client.models.list(after_id="nowhere")


def test_every_answer_names_its_request_where_the_client_looks_for_it(client):
    message = client.messages.create(model="premium", max_tokens=3, messages=HELLO)
    assert message._request_id
    with pytest.raises(anthropic.NotFoundError) as caught:
        client.messages.create(model="nowhere", max_tokens=10, messages=HELLO)
    assert caught.value.request_id
    assert client.models.list()._request_id


def test_a_base_url_that_ends_with_v1_works_too(gateway):
    with Anthropic(base_url=gateway.url, api_key=gateway.key("enterprise"), max_retries=0) as made:
        assert made.messages.create(model="premium", max_tokens=3, messages=HELLO).content
        assert made.messages.count_tokens(model="premium", messages=HELLO).input_tokens > 0
        assert made.models.list().data


def test_a_model_that_is_silent_for_long_is_waited_for(client):
    with client.messages.stream(model="late", max_tokens=20, messages=HELLO) as stream:
        assert stream.get_final_message().content[0].text


def test_a_model_that_stays_silent_is_an_error_in_the_stream(client):
    with (
        pytest.raises(anthropic.APIStatusError, match="time"),
        client.messages.stream(model="never", max_tokens=20, messages=HELLO) as stream,
    ):
        stream.get_final_message()
