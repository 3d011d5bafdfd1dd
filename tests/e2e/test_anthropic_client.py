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
