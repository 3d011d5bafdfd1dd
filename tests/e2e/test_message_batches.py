"""Anthropic's files and message batches by the official client."""

import json

import anthropic
import httpx
import pytest
from anthropic import Anthropic
from fileskit import file_gateways
from patience import until


@pytest.fixture(scope="module")
def two(tmp_path_factory, shared_database):
    with file_gateways(tmp_path_factory.mktemp("two"), shared_database) as running:
        yield running


@pytest.fixture(scope="module")
def client(two):
    key = two.key("pro", "acme")
    with Anthropic(base_url=two.first.root, api_key=key, max_retries=0) as made:
        yield made


@pytest.fixture(scope="module")
def elsewhere(two, client):
    with Anthropic(base_url=two.second.root, api_key=client.api_key, max_retries=0) as made:
        yield made


@pytest.fixture(scope="module")
def other(two):
    key = two.key("pro", "other")
    with Anthropic(base_url=two.second.root, api_key=key, max_retries=0) as made:
        yield made


def request(name: str, model: str = "haiku", text: str = "Hello", **more) -> dict:
    turn = {"role": "user", "content": text}
    params = {"model": model, "max_tokens": 20, "messages": [turn]} | more
    return {"custom_id": name, "params": params}


def ended(client: Anthropic, id_: str):
    """A batch, once it is over."""

    def look():
        batch = client.messages.batches.retrieve(id_)
        return batch if batch.processing_status == "ended" else None

    return until(look)


def test_a_batch_of_messages_is_begun_worked_off_read_and_erased(two, client, elsewhere):
    requests = [request("one"), request("two", "sonnet"), request("three", "claude")]
    batch = client.messages.batches.create(requests=requests)
    sent = json.loads(two.anthropic.keeping.kept[batch.id].content)["requests"]
    assert [each["params"]["model"] for each in sent] == [
        "claude-haiku", "claude-sonnet", "claude-haiku"
    ]  # fmt: skip
    assert batch.id in [each.id for each in elsewhere.messages.batches.list()]
    done = ended(elsewhere, batch.id)
    assert done.results_url == f"{two.second.root}/v1/messages/batches/{batch.id}/results"
    results = list(elsewhere.messages.batches.results(batch.id))
    assert {each.custom_id for each in results} == {"one", "two", "three"}
    assert {each.result.type for each in results} == {"succeeded"}
    listed = {each.id: each for each in client.messages.batches.list()}
    assert listed[batch.id].results_url.startswith(two.first.root)
    assert client.messages.batches.delete(batch.id).id == batch.id
    with pytest.raises(anthropic.NotFoundError):
        client.messages.batches.retrieve(batch.id)


def test_a_batch_may_be_cancelled(two, client):
    two.anthropic.keeping.waits = True
    batch = client.messages.batches.create(requests=[request("one")])
    assert client.messages.batches.cancel(batch.id).processing_status == "canceling"
    two.anthropic.keeping.waits = False


def test_another_organization_finds_nothing(two, client, other):
    batch = client.messages.batches.create(requests=[request("one")])
    batches = other.messages.batches
    for ask in (batches.retrieve, batches.cancel, batches.delete, batches.results):
        with pytest.raises(anthropic.NotFoundError) as caught:
            ask(batch.id)
        assert caught.value.body["type"] == "error"
        assert caught.value.body["error"]["type"] == "not_found_error"
    assert list(batches.list()) == []
    url = f"{two.second.root}/v1/messages/batches/{batch.id}/results"
    assert httpx.get(url, headers={"x-api-key": other.api_key}).status_code == 404


@pytest.mark.parametrize(
    ("requests", "words"),
    [
        ([], "requests"),
        ([request("one"), request("one")], "requests.1: `custom_id` stands twice"),
        ([request("one", stream=True)], "not streamed"),
        ([request("one"), request("two", "mini")], "requests.1"),
        ([request("one", "nobody")], "requests.0"),
        ([request("one", max_tokens="x")], "requests.0"),
    ],
)
def test_a_batch_that_is_wrong_is_refused_with_its_request(client, requests, words):
    with pytest.raises(anthropic.APIStatusError) as caught:
        client.messages.batches.create(requests=requests)
    assert caught.value.status_code in (400, 404)
    assert caught.value.body["type"] == "error"
    assert words in caught.value.message


def test_a_quota_refuses_in_anthropics_shape(two):
    key = two.key("small-day", "small")
    with (
        Anthropic(base_url=two.first.root, api_key=key, max_retries=0) as client,
        pytest.raises(anthropic.RateLimitError) as caught,
    ):
        client.messages.batches.create(requests=[request("one", max_tokens=5_000)])
    assert caught.value.body["error"]["type"] == "rate_limit_error"


def test_a_file_is_kept_read_listed_named_and_erased(two, client, other):
    made = client.files.upload(file=("a.txt", b"Hello", "text/plain"))
    assert (made.size_bytes, made.mime_type) == (5, "text/plain")
    assert client.files.download(made.id).read() == b"Hello"
    assert [each.id for each in client.files.list()] == [made.id]
    assert client.files.retrieve_metadata(made.id).id == made.id
    for ask in (other.files.retrieve_metadata, other.files.download, other.files.delete):
        with pytest.raises(anthropic.NotFoundError):
            ask(made.id)
    document = {"type": "document", "source": {"type": "file", "file_id": made.id}}
    asked = {
        "model": "claude",
        "max_tokens": 9,
        "messages": [{"role": "user", "content": [document]}],
    }
    with pytest.raises(anthropic.NotFoundError) as caught:
        other.messages.create(**asked)
    assert made.id in caught.value.message
    batch = client.messages.batches.create(requests=[{"custom_id": "x", "params": asked}])
    assert made.id in two.anthropic.keeping.kept[batch.id].content.decode()
    with pytest.raises(anthropic.NotFoundError):
        other.messages.batches.create(requests=[{"custom_id": "x", "params": asked}])
    assert client.files.delete(made.id).id == made.id
    assert list(client.files.list()) == []
