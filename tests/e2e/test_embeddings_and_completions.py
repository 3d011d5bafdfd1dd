"""The official client asks for embeddings and completions; each is routed, metered and billed."""

import openai
import pytest
from gatewaykit import booked
from openai import OpenAI


@pytest.fixture
def client(gateway):
    with OpenAI(base_url=gateway.url, api_key=gateway.key("enterprise"), max_retries=0) as made:
        yield made


@pytest.mark.parametrize("model", ["moe", "vectors"])
def test_embeddings_come_back_in_order_with_usage(client, model):
    raw = client.embeddings.with_raw_response.create(
        model=model, input=["one", "two", "one"], dimensions=4
    )
    answer = raw.parse()
    assert raw.headers["x-turnout-backend"] == "moe"
    assert [len(item.embedding) for item in answer.data] == [4, 4, 4]
    assert answer.data[0].embedding == answer.data[2].embedding != answer.data[1].embedding
    assert answer.usage.total_tokens == answer.usage.prompt_tokens > 0


def test_embeddings_of_tokens_are_floats_where_that_is_asked(client):
    answer = client.embeddings.create(model="moe", input=[[1, 2], [3]], encoding_format="float")
    assert len(answer.data) == 2
    assert answer.usage.prompt_tokens == 3


def test_embeddings_are_billed_for_their_input_alone(gateway):
    key = gateway.new_key("enterprise", organization="vectors")
    with OpenAI(base_url=gateway.url, api_key=key, max_retries=0) as client:
        used = client.embeddings.create(model="moe", input="x" * 400).usage.prompt_tokens
    row = booked(gateway, "vectors")
    assert (row["backend"], row["input_tokens"], row["output_tokens"]) == ("moe", used, 0)
    assert float(row["cost_usd"]) == pytest.approx(used * 0.3 / 1e6)


def test_the_classifier_does_not_run_for_embeddings(client, gateway):
    def classified() -> float:
        return sum(
            v for k, v in gateway.counts().items() if k.startswith("turnout_classifications")
        )

    before = classified()
    client.embeddings.create(model="auto", input="What is this?")
    assert classified() == before


@pytest.mark.parametrize("model", ["claude", "vectors"])
def test_backends_that_speak_no_embeddings_are_not_asked(client, model):
    if model == "claude":
        with pytest.raises(openai.BadRequestError, match="embeddings"):
            client.embeddings.create(model=model, input="x")
    else:
        assert client.embeddings.create(model=model, input="x").data


def test_a_completion_has_the_default_length_of_openais(client):
    answer = client.completions.create(model="moe", prompt="Once upon")
    assert answer.choices[0].text
    assert answer.usage.completion_tokens == 16


def test_every_prompt_has_its_choices_and_is_billed(gateway):
    key = gateway.new_key("enterprise", organization="writers")
    with OpenAI(base_url=gateway.url, api_key=key, max_retries=0) as client:
        answer = client.completions.create(
            model="moe", prompt=["One", "Two"], n=2, best_of=3, max_tokens=5, echo=True
        )
    assert len(answer.choices) == 4
    assert answer.choices[0].text.startswith("One")
    row = booked(gateway, "writers")
    assert row["output_tokens"] == answer.usage.completion_tokens
    assert row["backend"] == "moe"


def test_a_streamed_completion_can_be_put_together(client, gateway):
    raw = client.completions.with_raw_response.create(
        model="moe", prompt="Once", max_tokens=6, stream=True
    )
    chunks = list(raw.parse())
    assert "simulated" in "".join(chunk.choices[0].text for chunk in chunks)
    assert all(chunk.usage is None for chunk in chunks)
    assert chunks[-1].choices[0].finish_reason == "length"
    result = client.completions.create(
        model="moe",
        prompt="Once",
        max_tokens=6,
        stream=True,
        stream_options={"include_usage": True},
    )
    assert list(result)[-1].usage.completion_tokens == 6


def test_what_is_wrong_with_a_request_is_named(client):
    with pytest.raises(openai.BadRequestError) as caught:
        client.embeddings.create(model="moe", input=[])
    assert caught.value.param == "input"
    with pytest.raises(openai.BadRequestError) as caught:
        client.completions.create(model="moe", prompt="x", n=0)
    assert caught.value.param == "n"
