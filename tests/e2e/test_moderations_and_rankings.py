"""Moderations by the official client, rerankings in Cohere's and in Jina's form; all are billed."""

import httpx
import openai
import pytest
from gatewaykit import booked
from openai import OpenAI

DOCUMENTS = ["Paris is in France", "Bread is baked", "The capital of France is Paris"]


@pytest.fixture
def client(gateway):
    with OpenAI(base_url=gateway.url, api_key=gateway.key("enterprise"), max_retries=0) as made:
        yield made


def rerank(gateway, key: str, path: str = "/v1/rerank", **fields) -> httpx.Response:
    body = {"query": "capital of France", "documents": DOCUMENTS} | fields
    headers = {"authorization": f"Bearer {key}"}
    return httpx.post(gateway.root + path, headers=headers, json=body)


def test_a_moderation_needs_no_model_and_tells_what_is_wrong(client):
    raw = client.moderations.with_raw_response.create(input=["I will kill you", "Hello"])
    assert raw.headers["x-turnout-backend"] == "judge"
    assert [result.flagged for result in raw.parse().results] == [True, False]


def test_pictures_are_moderated_too(client):
    picture = {"type": "image_url", "image_url": {"url": "https://example.org/x.png"}}
    answer = client.moderations.create(
        model="judge", input=[{"type": "text", "text": "Hello"}, picture]
    )
    assert [result.flagged for result in answer.results] == [False]


def test_backends_that_do_not_say_that_they_moderate_are_not_asked(client):
    with pytest.raises(openai.BadRequestError, match="moderations"):
        client.moderations.create(model="moe", input="Hello")


def test_a_backend_that_serves_moderations_alone_is_asked_no_chat(client):
    with pytest.raises(openai.BadRequestError, match="chats"):
        client.chat.completions.create(
            model="judge", messages=[{"role": "user", "content": "Hello"}]
        )


def test_a_moderation_is_counted_as_tokens_by_its_length(gateway):
    key = gateway.new_key("enterprise", organization="moderators")
    with OpenAI(base_url=gateway.url, api_key=key, max_retries=0) as client:
        client.moderations.create(input="x" * 400)
    row = booked(gateway, "moderators")
    assert (row["backend"], row["input_tokens"], row["output_tokens"]) == ("judge", 100, 0)


@pytest.mark.parametrize("path", ["/v1/rerank", "/v2/rerank"])
def test_documents_come_back_in_order_at_either_path(gateway, path):
    answer = rerank(gateway, gateway.key("enterprise"), path, model="ranker", top_n=2)
    assert answer.status_code == 200
    assert answer.headers["x-turnout-backend"] == "ranker"
    assert [one["index"] for one in answer.json()["results"]] == [2, 0]


def test_searches_are_billed_by_the_search(gateway):
    key = gateway.new_key("enterprise", organization="searchers")
    answer = rerank(gateway, key, "/v2/rerank", model="cohere")
    assert answer.headers["x-turnout-cost-usd"] == "0.002"
    row = booked(gateway, "searchers")
    assert (row["input_tokens"], float(row["cost_usd"])) == (0, pytest.approx(0.002))
    assert row["searches"] == 1


def test_tokens_of_a_ranking_are_billed_where_they_are_told(gateway):
    key = gateway.new_key("enterprise", organization="rankers")
    used = rerank(gateway, key, model="ranker").json()["usage"]["total_tokens"]
    row = booked(gateway, "rankers")
    assert row["input_tokens"] == used > 0
    assert float(row["cost_usd"]) == pytest.approx(used * 0.05 / 1e6)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"documents": []}, "documents"),
        ({"documents": [1]}, "documents[0]"),
        ({"query": None}, "query"),
        ({"top_n": 0}, "top_n"),
        ({"Documents": ["twin"]}, "Documents"),
    ],
)
def test_what_is_wrong_with_a_ranking_is_named(gateway, fields, param):
    answer = rerank(gateway, gateway.key("enterprise"), model="ranker", **fields)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
