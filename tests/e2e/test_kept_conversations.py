"""Conversations that are kept, asked by the official client at two gateways on one database."""

import threading

import openai
import patience
import pytest
from gated import FIRST, REST
from keepingkit import KINDS, MARKER, TEXT, two_gateways
from openai import OpenAI
from patience import until
from sqlalchemy import create_engine, text

_BYTES = (bytes, memoryview)
NOBODYS = "conv_turnout_" + "0" * 32


@pytest.fixture(scope="module")
def two(tmp_path_factory, shared_database):
    with two_gateways(tmp_path_factory.mktemp("two"), shared_database) as running:
        yield running


@pytest.fixture(scope="module")
def key(two):
    made = two.first.new_key("pro", "acme")
    two.second.until(lambda: two.second._knows(made))
    return made


@pytest.fixture
def client(two, key):
    with OpenAI(base_url=two.first.url, api_key=key, max_retries=0) as made:
        yield made


@pytest.fixture
def elsewhere(two, key):
    with OpenAI(base_url=two.second.url, api_key=key, max_retries=0) as made:
        yield made


@pytest.fixture
def other(two):
    with OpenAI(
        base_url=two.first.url, api_key=two.first.new_key("pro", "other"), max_retries=0
    ) as made:
        yield made


def _answered(client, *, stream=False, **asked):
    answer = client.responses.create(stream=stream, **asked)
    return [*answer][-1].response if stream else answer


def _texts(client, id_) -> list[str]:
    items = client.conversations.items.list(id_, order="asc", limit=100)
    return [item.content[0].text for item in items if item.type == "message"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_conversation_goes_on_at_another_gateway(two, client, elsewhere, kind, stream):
    talk = client.conversations.create(
        items=[{"type": "message", "role": "user", "content": f"What is a {MARKER}?"}]
    )
    first = _answered(
        client, stream=stream, model=kind, input="Say it briefly.", conversation=talk.id
    )
    assert first.conversation.id == talk.id
    assert first.store is True
    second = _answered(
        elsewhere,
        stream=stream,
        model=kind,
        input="What does it eat?",
        conversation={"id": talk.id},
    )
    assert second.conversation.id == talk.id
    heard = two.heard(kind)
    said = [f"What is a {MARKER}?", "Say it briefly.", first.output_text, "What does it eat?"]
    places = [heard.index(words) for words in said]
    assert places == sorted(places)
    assert "_turnout" not in heard
    assert _texts(client, talk.id) == [*said, second.output_text]
    assert elsewhere.responses.retrieve(second.id).conversation.id == talk.id


def test_a_conversation_goes_on_at_each_other_provider(two, client):
    talk = client.conversations.create()
    for kind in (*KINDS, *KINDS[:1]):
        _answered(client, model=kind, input=f"Turn of {kind}.", conversation=talk.id)
    heard = two.heard("chat")
    assert [f"Turn of {kind}." in heard for kind in KINDS] == [True] * len(KINDS)


def test_a_conversation_is_made_changed_and_deleted(client, elsewhere):
    talk = client.conversations.create(metadata={"topic": "birds"})
    assert talk.id.startswith("conv_")
    assert elsewhere.conversations.retrieve(talk.id) == talk
    changed = elsewhere.conversations.update(talk.id, metadata={"topic": "fish"})
    assert changed.metadata == {"topic": "fish"}
    assert client.conversations.retrieve(talk.id).metadata == {"topic": "fish"}
    assert client.conversations.delete(talk.id).deleted is True
    with pytest.raises(openai.NotFoundError) as caught:
        elsewhere.conversations.retrieve(talk.id)
    assert f"Conversation with id '{talk.id}' not found." in caught.value.message


def test_items_are_put_there_listed_shown_and_deleted(client):
    turns = [{"type": "message", "role": "user", "content": f"Turn {n}"} for n in range(3)]
    talk = client.conversations.create(items=turns[:1])
    made = client.conversations.items.create(talk.id, items=turns[1:])
    assert [item.content[0].text for item in made.data] == ["Turn 1", "Turn 2"]
    listed = list(client.conversations.items.list(talk.id, order="asc", limit=1))
    assert [item.content[0].text for item in listed] == ["Turn 0", "Turn 1", "Turn 2"]
    newest = client.conversations.items.list(
        talk.id, limit=2, include=["reasoning.encrypted_content"]
    )
    assert [item.id for item in newest.data] == [listed[2].id, listed[1].id]
    assert newest.has_more
    behind = client.conversations.items.list(talk.id, order="asc", after=listed[0].id)
    assert [item.id for item in behind.data] == [listed[1].id, listed[2].id]
    shown = client.conversations.items.retrieve(listed[1].id, conversation_id=talk.id)
    assert shown == listed[1]
    assert client.conversations.items.delete(listed[1].id, conversation_id=talk.id).id == talk.id
    assert _texts(client, talk.id) == ["Turn 0", "Turn 2"]
    with pytest.raises(openai.NotFoundError):
        client.conversations.items.retrieve(listed[1].id, conversation_id=talk.id)


def test_another_organization_finds_nothing(client, other):
    turn = {"type": "message", "role": "user", "content": "Hello"}
    talk = client.conversations.create(items=[turn])
    item = client.conversations.items.list(talk.id).data[0].id
    for id_ in (talk.id, NOBODYS, "conv_1"):
        for ask in (
            other.conversations.retrieve,
            other.conversations.delete,
            lambda id_: other.conversations.update(id_, metadata={}),
            lambda id_: list(other.conversations.items.list(id_)),
            lambda id_: other.conversations.items.create(id_, items=[turn]),
            lambda id_: other.conversations.items.retrieve(item, conversation_id=id_),
            lambda id_: other.conversations.items.delete(item, conversation_id=id_),
        ):
            with pytest.raises(openai.NotFoundError) as caught:
                ask(id_)
            assert f"Conversation with id '{id_}' not found." in caught.value.message
    for id_ in (talk.id, NOBODYS):
        with pytest.raises(openai.NotFoundError) as missing:
            other.responses.create(model="chat", input="x", conversation=id_)
        assert f"Conversation with id '{id_}' not found." in missing.value.message
    assert _texts(client, talk.id) == ["Hello"]


def test_nobody_is_shown_anything_without_a_key(two, client):
    talk = client.conversations.create()
    with (
        OpenAI(base_url=two.first.url, api_key="tk-wrong", max_retries=0) as nobody,
        pytest.raises(openai.AuthenticationError),
    ):
        nobody.conversations.retrieve(talk.id)


def test_of_two_responses_at_a_time_one_is_told_that_it_is_locked(two, client, elsewhere):
    talk = client.conversations.create()
    first = threading.Thread(
        target=lambda: client.responses.create(model="gated", input="One", conversation=talk.id)
    )
    two.gated.gate.clear()
    first.start()
    until(lambda: two.gated.heard)
    turn = {"type": "message", "role": "user", "content": "Two"}
    try:
        for ask in (
            lambda: elsewhere.responses.create(model="chat", input="Two", conversation=talk.id),
            lambda: elsewhere.conversations.items.create(talk.id, items=[turn]),
        ):
            with pytest.raises(openai.BadRequestError) as caught:
                ask()
            assert (caught.value.code, caught.value.param) == (
                "conversation_locked",
                "conversation",
            )
    finally:
        two.gated.gate.set()
        first.join()
    elsewhere.responses.create(model="chat", input="Two", conversation=talk.id)
    assert _texts(client, talk.id) == ["One", FIRST + REST, "Two", TEXT]


def test_however_many_ask_at_once_each_answer_is_there_once_and_in_order(client, elsewhere):
    talk = client.conversations.create()
    answered, refused = [], []

    def ask(gateway, number):
        try:
            gateway.responses.create(model="chat", input=f"Turn {number}", conversation=talk.id)
        except openai.BadRequestError as error:
            refused.append(error.code)
        else:
            answered.append(f"Turn {number}")

    threads = [
        threading.Thread(target=ask, args=((client, elsewhere)[number % 2], number))
        for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    said = _texts(client, talk.id)
    assert sorted(said[::2]) == sorted(answered)
    assert said[1::2] == [TEXT] * len(answered)
    assert answered
    assert set(refused) <= {"conversation_locked"}


def test_a_stream_that_broke_off_leaves_the_conversation_as_it_was(client):
    talk = client.conversations.create()
    with pytest.raises(openai.APIError):
        _answered(client, stream=True, model="broken", input="x", conversation=talk.id)
    assert _texts(client, talk.id) == []
    client.responses.create(model="chat", input="One", conversation=talk.id)
    assert _texts(client, talk.id) == ["One", TEXT]


@pytest.mark.parametrize("stream", [False, True])
def test_what_is_not_kept_is_not_put_there(two, client, stream):
    talk = client.conversations.create()
    client.responses.create(model="chat", input=f"A {MARKER}.", conversation=talk.id)
    aside = _answered(
        client, stream=stream, model="chat", input="Aside", conversation=talk.id, store=False
    )
    assert (aside.store, aside.conversation.id) == (False, talk.id)
    assert MARKER in two.heard("chat")
    words = "Write to jane.doe@example.com about it."
    private = _answered(client, stream=stream, model="open", input=words, conversation=talk.id)
    assert (private.store, private.conversation.id) == (False, talk.id)
    assert _texts(client, talk.id) == [f"A {MARKER}.", TEXT]


def test_a_tier_that_keeps_nothing_makes_no_conversation(two):
    key = two.first.new_key("fleeting", "brief")
    with (
        OpenAI(base_url=two.first.url, api_key=key, max_retries=0) as client,
        pytest.raises(openai.PermissionDeniedError),
    ):
        client.conversations.create()


def test_what_cannot_go_with_a_conversation_is_refused_by_name(client):
    talk = client.conversations.create()
    first = client.responses.create(model="chat", input="Hello")
    for more, param in (
        ({"previous_response_id": first.id}, "previous_response_id"),
        ({"background": True, "max_output_tokens": 9}, "background"),
    ):
        with pytest.raises(openai.BadRequestError) as caught:
            client.responses.create(model="native", input="x", conversation=talk.id, **more)
        assert caught.value.param == param
    assert _texts(client, talk.id) == []


def test_the_size_of_a_conversation_can_be_asked_for(client):
    long = {"type": "message", "role": "user", "content": "x" * 3_000}
    talk = client.conversations.create(items=[long])
    alone = client.responses.input_tokens.count(input="And more.")
    whole = client.responses.input_tokens.count(input="And more.", conversation=talk.id)
    assert whole.input_tokens > alone.input_tokens + 700


def test_no_word_stands_in_the_database(client, shared_database):
    talk = client.conversations.create(metadata={"topic": MARKER})
    client.responses.create(model="chat", input=f"What is a {MARKER}?", conversation=talk.id)
    engine = create_engine(shared_database)
    with engine.connect() as connection:
        names = ("stored_conversations", "stored_conversation_items")
        rows = [row for name in names for row in connection.execute(text(f"select * from {name}"))]  # noqa: S608
    engine.dispose()
    held = b"".join([bytes(cell) for row in rows for cell in row if isinstance(cell, _BYTES)])
    assert len(held) > 100
    assert MARKER.encode() not in held
    assert TEXT.encode() not in held


def test_a_body_that_cannot_be_is_a_400_that_names_it(two, client, key):
    talk = client.conversations.create()
    turn = {"type": "message", "role": "user", "content": "x"}
    headers = {"authorization": f"Bearer {key}"}
    for path, body, param in (
        ("", {"metadata": {"a": 1}}, "metadata"),
        ("", {"metadata": {str(n): "" for n in range(17)}}, "metadata"),
        ("", {"metadata": {"a": "x" * 513}}, "metadata"),
        ("", {"items": [turn] * 21}, "items"),
        ("", {"items": "x"}, "items"),
        ("", {"items": [{"type": "message", "content": "x"}]}, "items[0].role"),
        ("", {"items": [{"type": "item_reference", "id": "msg_1"}]}, "items"),
        ("", {"items": [turn | {"id": "no id"}]}, "items"),
        (f"/{talk.id}", {}, "metadata"),
        (f"/{talk.id}/items", {}, "items"),
        (f"/{talk.id}/items", {"items": [turn | {"id": "msg_a"}] * 2}, "items"),
        ("", [], None),
    ):
        url = f"{two.first.url}/conversations{path}"
        answer = patience.post(url, headers=headers, json=body)
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, param), body
    assert patience.get(f"{two.first.url}/conversations", headers=headers).status_code == 405
