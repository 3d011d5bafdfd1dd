"""Azure's own client, unchanged but for its address: deployments are models."""

import openai
import pytest
from media_files import png, wav
from openai import AzureOpenAI

HELLO = [{"role": "user", "content": 'What is a "model"?'}]


@pytest.fixture
def client(gateway):
    with AzureOpenAI(
        azure_endpoint=gateway.root,
        api_key=gateway.key("enterprise"),
        api_version="2024-10-21",
        max_retries=0,
    ) as made:
        yield made


def test_a_deployment_is_a_model(client):
    raw = client.chat.completions.with_raw_response.create(model="moe", messages=HELLO)
    assert raw.headers["x-turnout-backend"] == "moe"
    assert "simulated" in raw.parse().choices[0].message.content


def test_a_stream_comes_through(client):
    chunks = list(client.chat.completions.create(model="moe", messages=HELLO, stream=True))
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_the_deployment_of_the_path_counts(gateway):
    with AzureOpenAI(
        azure_endpoint=gateway.root,
        azure_deployment="moe",
        api_key=gateway.key("enterprise"),
        api_version="2024-10-21",
        max_retries=0,
    ) as client:
        raw = client.chat.completions.with_raw_response.create(model="premium", messages=HELLO)
    assert raw.headers["x-turnout-backend"] == "moe"


def test_every_operation_is_there(client):
    assert client.embeddings.create(model="moe", input="x").data
    assert client.completions.create(model="moe", prompt="x").choices
    assert client.images.generate(model="dalle", prompt="A cat").data
    assert client.images.edit(model="dalle", image=("a.png", png(8, 8)), prompt="A hat").data
    said = client.audio.transcriptions.create(model="whisper", file=("a.wav", wav(1)))
    assert "simulated" in said.text
    assert client.audio.speech.create(model="voice", voice="alloy", input="Hello").read()


def test_an_unknown_deployment_and_a_wrong_key_are_told(client, gateway):
    with pytest.raises(openai.NotFoundError, match="nothing"):
        client.chat.completions.create(model="nothing", messages=HELLO)
    wrong = client.with_options(api_key="tk-nobody")
    with pytest.raises(openai.AuthenticationError):
        wrong.chat.completions.create(model="moe", messages=HELLO)
