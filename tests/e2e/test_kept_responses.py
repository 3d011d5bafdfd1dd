"""Responses that are kept, asked by the official client at two gateways on one database."""

import json
from pathlib import Path

import openai
import pytest
from gatewaykit import RunningGateway
from keepingkit import KINDS, MARKER, TEXT, two_gateways
from openai import OpenAI
from patience import LONGEST_SECONDS
from sqlalchemy import create_engine, text
from websockets.sync.client import connect

_BYTES = (bytes, memoryview)


@pytest.fixture(scope="module")
def two(tmp_path_factory, shared_database):
    with two_gateways(tmp_path_factory.mktemp("two"), shared_database) as running:
        yield running


def _client(gateway: RunningGateway, key: str) -> OpenAI:
    return OpenAI(base_url=gateway.url, api_key=key, max_retries=0)


@pytest.fixture(scope="module")
def key(two):
    made = two.first.new_key("pro", "acme")
    two.second.until(lambda: two.second._knows(made))
    return made


@pytest.fixture
def client(two, key):
    with _client(two.first, key) as made:
        yield made


@pytest.fixture
def elsewhere(two, key):
    with _client(two.second, key) as made:
        yield made


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_conversation_goes_on_at_another_gateway(two, client, elsewhere, kind, stream):
    asked = {"model": kind, "stream": stream}
    answer = client.responses.create(input=f"What is a {MARKER}?", **asked)
    first = [*answer][-1].response if stream else answer
    assert first.id.startswith("resp_turnout_")
    assert first.store is True
    answer = elsewhere.responses.create(
        input="And what does it eat?", previous_response_id=first.id, **asked
    )
    second = [*answer][-1].response if stream else answer
    assert second.previous_response_id == first.id
    heard = two.heard(kind)
    for words in (MARKER, first.output_text, "what does it eat"):
        assert words in heard
    assert "resp_turnout" not in heard
    assert elsewhere.responses.retrieve(second.id).output_text == second.output_text


def _over(socket, **members) -> dict:
    """The response that a WebSocket tells in the end."""
    socket.send(json.dumps({"type": "response.create", **members}))
    while True:
        event = json.loads(socket.recv(timeout=LONGEST_SECONDS))
        assert event["type"] not in ("error", "response.failed"), event
        if event["type"] == "response.completed":
            return event["response"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_kept_conversation_goes_on_over_a_websocket_and_back(two, client, key, kind):
    first = client.responses.create(model=kind, input=f"What is a {MARKER}?")
    url = two.first.url.replace("http", "ws") + "/responses"
    with connect(url, additional_headers={"Authorization": f"Bearer {key}"}) as socket:
        unkept = {"model": kind, "store": False}
        second = _over(socket, **unkept, input="two", previous_response_id=first.id)
        assert (second["store"], second["previous_response_id"]) == (False, first.id)
        kept = _over(socket, model=kind, input="three", previous_response_id=second["id"])
    assert (kept["store"], kept["previous_response_id"]) == (True, second["id"])
    heard = two.heard(kind)
    assert [heard.count(words) > 0 for words in (MARKER, "two", "three")] == [True] * 3
    assert client.responses.retrieve(kept["id"]).output[-1].to_dict() == kept["output"][-1]
    client.responses.create(model=kind, input="four", previous_response_id=kept["id"])
    heard = two.heard(kind)
    assert [heard.count(words) > 0 for words in (MARKER, "two", "four")] == [True] * 3


@pytest.mark.parametrize("kind", KINDS)
def test_no_backend_is_asked_to_keep_anything(two, client, kind):
    client.responses.create(model=kind, input="Hello", store=True)
    assert '"store": true' not in two.heard(kind)
    if kind == "native":
        assert '"store": false' in two.heard(kind)


def test_a_seal_is_handed_back_to_its_issuer(two, client):
    first = client.responses.create(model="messages", input="Hello")
    client.responses.create(model="messages", input="More", previous_response_id=first.id)
    assert "c2lnbmVk" in two.heard("messages")


def test_a_conversation_begun_at_one_provider_goes_on_at_each_other(two, client):
    previous = None
    for kind in (*KINDS, *KINDS[:1]):
        response = client.responses.create(
            model=kind, input=f"Turn of {kind}.", previous_response_id=previous
        )
        previous = response.id
    heard = two.heard("chat")
    assert [f"Turn of {kind}." in heard for kind in KINDS] == [True] * 4


def test_items_of_the_input_are_listed_in_pages(client):
    first = client.responses.create(model="chat", input="One")
    turns = [{"role": "user", "content": "Two"}, {"role": "user", "content": "Three"}]
    second = client.responses.create(model="chat", input=turns, previous_response_id=first.id)
    listed = list(client.responses.input_items.list(second.id, order="asc", limit=2))
    assert [item.content[0].text for item in listed] == ["One", TEXT, "Two", "Three"]
    assert len({item.id for item in listed}) == 4
    newest = client.responses.input_items.list(second.id, limit=1)
    assert newest.data[0].content[0].text == "Three"
    assert newest.has_more
    after = client.responses.input_items.list(second.id, after=listed[-1].id, order="desc")
    assert [item.id for item in after] == [item.id for item in reversed(listed[:-1])]
    with pytest.raises(openai.BadRequestError):
        client.responses.input_items.list(second.id, after="msg_none")
    with pytest.raises(openai.BadRequestError):
        client.responses.input_items.list(second.id, limit=0)


def test_an_item_may_be_named_by_its_id(two, client):
    first = client.responses.create(model="chat", input=f"What is a {MARKER}?")
    named = {"type": "item_reference", "id": first.output[0].id}
    client.responses.create(model="gemini", input=[named, {"role": "user", "content": "Shorter."}])
    assert TEXT in two.heard("gemini")
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model="chat", input=[named | {"id": "msg_none"}])
    assert "item" in caught.value.message


def test_what_was_deleted_is_gone_everywhere(client, elsewhere):
    first = client.responses.create(model="chat", input="Hello")
    second = client.responses.create(model="chat", input="More", previous_response_id=first.id)
    client.responses.delete(first.id)
    for id_ in (first.id, "resp_turnout_" + "0" * 32, "resp_other"):
        for ask in (
            elsewhere.responses.retrieve,
            elsewhere.responses.delete,
            elsewhere.responses.cancel,
            lambda id_: list(elsewhere.responses.input_items.list(id_)),
        ):
            with pytest.raises(openai.NotFoundError) as caught:
                ask(id_)
            assert f"Response with id '{id_}' not found." in caught.value.message
    with pytest.raises(openai.BadRequestError) as missing:
        client.responses.create(model="chat", input="x", previous_response_id=second.id)
    assert missing.value.code == "previous_response_not_found"
    assert missing.value.param == "previous_response_id"
    assert first.id in missing.value.message


def test_another_organization_finds_nothing(two, client):
    first = client.responses.create(model="chat", input="Hello")
    with _client(two.first, two.first.new_key("pro", "other")) as other:
        with pytest.raises(openai.NotFoundError):
            other.responses.retrieve(first.id)
        with pytest.raises(openai.NotFoundError):
            other.responses.delete(first.id)
        with pytest.raises(openai.BadRequestError) as caught:
            other.responses.create(model="chat", input="x", previous_response_id=first.id)
        assert caught.value.code == "previous_response_not_found"
        named = {"type": "item_reference", "id": first.output[0].id}
        with pytest.raises(openai.BadRequestError):
            other.responses.create(model="chat", input=[named])
    assert client.responses.retrieve(first.id).id == first.id


def test_nobody_is_shown_anything_without_a_key(two, client):
    first = client.responses.create(model="chat", input="Hello")
    with _client(two.first, "tk-wrong") as nobody, pytest.raises(openai.AuthenticationError):
        nobody.responses.retrieve(first.id)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_store_false_keeps_nothing(client, kind, stream):
    answer = client.responses.create(model=kind, input="Hello", store=False, stream=stream)
    response = [*answer][-1].response if stream else answer
    assert response.store is not True
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(response.id)


def test_a_tier_may_be_off(two):
    with _client(two.first, two.first.new_key("fleeting", "brief")) as client:
        response = client.responses.create(model="chat", input="Hello", store=True)
        assert response.store is False
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve(response.id)


@pytest.mark.parametrize(("route", "kept"), [("careful", True), ("open", False)])
def test_what_is_private_is_kept_only_where_it_stays_at_home(client, route, kept):
    words = "Write to jane.doe@example.com about it."
    response = client.responses.create(model=route, input=words)
    assert response.store is kept
    assert client.responses.create(model=route, input="Hello").store is True


def test_the_quota_holds_for_the_whole_conversation(two):
    with _client(two.first, two.first.new_key("tight", "small")) as client:
        first = client.responses.create(model="chat", input="x" * 1_000, max_output_tokens=9)
        with pytest.raises(openai.RateLimitError):
            client.responses.create(
                model="chat", input="y" * 900, previous_response_id=first.id, max_output_tokens=9
            )


def test_a_stream_says_that_it_is_stored_when_it_is(client):
    events = list(client.responses.create(model="native", input="Hello", stream=True))
    told = [event.response.store for event in events if hasattr(event, "response")]
    assert told == [False] * (len(told) - 1) + [True]
    ids = {event.response.id for event in events if hasattr(event, "response")}
    assert len(ids) == 1
    assert client.responses.retrieve(ids.pop()).output_text == events[-1].response.output_text


def test_a_stream_that_broke_off_is_not_kept(client):
    seen = []
    with pytest.raises(openai.APIError):
        seen.extend(client.responses.create(model="broken", input="x", stream=True))
    begun = [event.response.id for event in seen if event.type == "response.created"]
    for id_ in begun:
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve(id_)


def test_no_word_stands_in_the_database(client, shared_database):
    client.responses.create(model="chat", input=f"What is a {MARKER}?")
    engine = create_engine(shared_database)
    with engine.connect() as connection:
        tables = ("stored_responses", "stored_items")
        rows = [row for name in tables for row in connection.execute(text(f"select * from {name}"))]  # noqa: S608
    engine.dispose()
    held = b"".join([bytes(cell) for row in rows for cell in row if isinstance(cell, _BYTES)])
    if shared_database.startswith("sqlite"):
        folder = Path(shared_database.removeprefix("sqlite:///")).parent
        held += b"".join([path.read_bytes() for path in folder.iterdir()])
    assert len(held) > 1_000
    assert MARKER.encode() not in held
    assert TEXT.encode() not in held


def test_a_kept_response_is_compacted_and_the_compaction_goes_on_where_it_was_made(two, client):
    first = client.responses.create(model="chat", input=f"What is a {MARKER}?")
    compacted = client.responses.compact(model="native", previous_response_id=first.id)
    heard = two.heard("native")
    for words in (MARKER, TEXT):
        assert words in heard
    assert "resp_turnout" not in heard
    assert "store" not in heard
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(compacted.id)
    rest = [item.to_dict(warnings=False) for item in compacted.output]
    after = client.responses.create(model="native", input=[*rest, {"role": "user", "content": "?"}])
    client.responses.create(model="native", input="More", previous_response_id=after.id)
    assert '"compaction"' in two.heard("native")
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model="chat", input="More", previous_response_id=after.id)
    assert "'compaction'" in caught.value.message


def test_the_size_of_a_conversation_can_be_asked_for(client):
    alone = client.responses.input_tokens.count(input="And more.")
    first = client.responses.create(model="chat", input="x" * 3_000)
    whole = client.responses.input_tokens.count(input="And more.", previous_response_id=first.id)
    assert whole.object == "response.input_tokens"
    assert whole.input_tokens > alone.input_tokens + 700
    with pytest.raises(openai.BadRequestError):
        client.responses.input_tokens.count(input="x", conversation="conv_1")
