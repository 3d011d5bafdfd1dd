"""Chats that are kept, asked by the official client at two gateways on one database."""

import openai
import pytest
from keepingkit import MARKER, TEXT, two_gateways
from openai import OpenAI

KINDS = ["chat", "messages", "gemini", "native"]


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chats")
    with two_gateways(folder, f"sqlite:///{folder / 'turnout.db'}") as running:
        yield running


@pytest.fixture(scope="module")
def clients(two):
    key, other = two.first.new_key("pro", "acme"), two.first.new_key("pro", "globex")
    two.second.until(lambda: two.second._knows(key))
    with (
        OpenAI(base_url=two.first.url, api_key=key, max_retries=0) as client,
        OpenAI(base_url=two.second.url, api_key=key, max_retries=0) as elsewhere,
        OpenAI(base_url=two.first.url, api_key=other, max_retries=0) as stranger,
    ):
        yield client, elsewhere, stranger


def asked(client: OpenAI, kind: str, *, stream: bool, **more) -> str:
    messages = [{"role": "user", "content": f"What is a {MARKER}?"}]
    answer = client.chat.completions.create(
        model=kind, messages=messages, stream=stream, store=True, **more
    )
    if stream:
        with answer:
            return [chunk.id for chunk in answer][-1]
    return answer.id


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_chat_is_retrieved_at_another_gateway_as_soon_as_it_is_answered(
    two, clients, kind, stream
):
    client, elsewhere, _ = clients
    id_ = asked(client, kind, stream=stream, metadata={"kind": kind})
    kept = elsewhere.chat.completions.retrieve(id_)
    assert (kept.id, kept.object, kept.metadata) == (id_, "chat.completion", {"kind": kind})
    if kind != "native":
        assert kept.choices[0].message.content == TEXT
    assert kept.choices[0].finish_reason == "stop"
    (message,) = elsewhere.chat.completions.messages.list(id_)
    assert (message.role, message.content) == ("user", f"What is a {MARKER}?")
    assert '"store"' not in two.heard(kind).replace('"store": false', "")
    assert '"kind"' not in two.heard(kind)


def test_chats_are_listed_changed_and_erased(clients):
    client, elsewhere, _ = clients
    id_ = asked(client, "native", stream=False, metadata={"topic": "birds"})
    listed = client.chat.completions.list(metadata={"topic": "birds"}, limit=1, order="desc")
    assert [one.id for one in listed] == [id_]
    assert elsewhere.chat.completions.update(id_, metadata={"topic": "fish"}).metadata == {
        "topic": "fish"
    }
    assert [*client.chat.completions.list(metadata={"topic": "birds"})] == []
    assert id_ in [one.id for one in client.chat.completions.list(model="native", limit=2)]
    assert client.chat.completions.delete(id_).deleted
    with pytest.raises(openai.NotFoundError, match="not found"):
        elsewhere.chat.completions.retrieve(id_)


def test_a_chat_is_one_customers_alone(clients):
    client, _, stranger = clients
    id_ = asked(client, "native", stream=False)
    for call in (stranger.chat.completions.retrieve, stranger.chat.completions.delete):
        with pytest.raises(openai.NotFoundError):
            call(id_)
    assert [*stranger.chat.completions.list()] == []
    assert client.chat.completions.retrieve(id_).id == id_


def test_a_chat_that_does_not_ask_for_it_is_not_kept(clients):
    client, _, _ = clients
    messages = [{"role": "user", "content": "Hello"}]
    id_ = client.chat.completions.create(model="native", messages=messages).id
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.retrieve(id_)
