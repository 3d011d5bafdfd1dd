"""OpenAI's files and batches by the official client, at two gateways on one database and ledger."""

import json
import socket
import struct

import openai
import pytest
from fileskit import file_gateways
from openai import OpenAI
from patience import LONGEST_SECONDS, until

from router.customers.provider_credentials import ProviderCredentialStore
from router.customers.vault import Vault

SECRETS_KEY = "a2tr" * 10 + "a2s="


def lines(*bodies: dict, url: str = "/v1/chat/completions") -> bytes:
    """A file of requests."""
    rows = [
        {"custom_id": f"r{number}", "method": "POST", "url": url, "body": body}
        for number, body in enumerate(bodies)
    ]
    return b"\n".join([json.dumps(row).encode() for row in rows])


def chat(text: str = "Hello", **more) -> dict:
    asked = {"model": "mini", "messages": [{"role": "user", "content": text}], "max_tokens": 20}
    return asked | more


@pytest.fixture(scope="module")
def two(tmp_path_factory, shared_database):
    size = {"size": "20MB"}
    more = {"files": size, "secrets": {"keys": [SECRETS_KEY]}}
    with file_gateways(tmp_path_factory.mktemp("two"), shared_database, **more) as running:
        yield running


@pytest.fixture(scope="module")
def client(two):
    key = two.key("pro", "acme")
    with OpenAI(base_url=two.first.url, api_key=key, max_retries=0) as made:
        yield made


@pytest.fixture(scope="module")
def elsewhere(two, client):
    with OpenAI(base_url=two.second.url, api_key=client.api_key, max_retries=0) as made:
        yield made


@pytest.fixture(scope="module")
def other(two):
    with OpenAI(base_url=two.first.url, api_key=two.key("pro", "other"), max_retries=0) as made:
        yield made


def ended(client: OpenAI, id_: str):
    """A batch, once it is over."""

    def look():
        batch = client.batches.retrieve(id_)
        return batch if batch.status == "completed" else None

    return until(look)


def test_a_file_is_kept_and_read_at_every_gateway(two, client, elsewhere):
    content = b"\0binary\r\n--" * 200_000
    made = client.files.create(file=("a b.bin", content), purpose="user_data")
    assert (made.bytes, made.purpose) == (len(content), "user_data")
    assert elsewhere.files.retrieve(made.id).id == made.id
    assert elsewhere.files.content(made.id).read() == content
    assert made.id in [each.id for each in elsewhere.files.list()]
    assert elsewhere.files.delete(made.id).deleted
    for gone in (client.files.retrieve, client.files.delete, client.files.content):
        with pytest.raises(openai.NotFoundError) as caught:
            gone(made.id)
        assert f"No such File object: {made.id}" in caught.value.message


@pytest.mark.parametrize("size", [20_000_001, 60_000_000])
def test_a_file_that_is_too_large_is_told_so_and_kept_nowhere(two, client, size):
    before = len(two.openai.keeping.kept)
    with pytest.raises(openai.APIStatusError) as caught:
        client.files.create(file=("a", b"x" * size), purpose="user_data")
    assert caught.value.status_code == 413
    assert len(two.openai.keeping.kept) == before


@pytest.mark.parametrize("reset", [False, True])
def test_a_client_that_leaves_amid_its_upload_leaves_nothing_behind(two, client, reset):
    before, listed = len(two.openai.keeping.kept), len(list(client.files.list()))
    head = (
        f"POST /v1/files HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer {client.api_key}\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 9000000\r\n\r\n"
        '--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    )
    with socket.create_connection(two.first.address, LONGEST_SECONDS) as leaving:
        leaving.sendall(head.encode() + b"x" * 3_000_000)  # enough for the disk
        if reset:
            leaving.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    made = client.files.create(file=("b", b"whole"), purpose="user_data")
    assert len(two.openai.keeping.kept) == before + 1
    assert len(list(client.files.list())) == listed + 1
    client.files.delete(made.id)


@pytest.mark.parametrize("reset", [False, True])
def test_a_client_that_leaves_amid_a_file_harms_nobody(two, client, reset):
    content = b"x" * 15_000_000  # more than sockets hold
    made = client.files.create(file=("a", content), purpose="user_data")
    head = (
        f"GET /v1/files/{made.id}/content HTTP/1.1\r\nHost: here\r\n"
        f"Authorization: Bearer {client.api_key}\r\n\r\n"
    )
    with socket.create_connection(two.first.address, LONGEST_SECONDS) as leaving:
        leaving.sendall(head.encode())
        assert leaving.recv(1000).startswith(b"HTTP/1.1 200")
        if reset:
            leaving.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert client.files.content(made.id).read() == content
    client.files.delete(made.id)


def test_another_organization_finds_nothing(two, client, other):
    mine = client.files.create(file=("a", lines(chat())), purpose="batch")
    batch = client.batches.create(
        input_file_id=mine.id, endpoint="/v1/chat/completions", completion_window="24h"
    )
    for id_ in (mine.id, "file-unknown"):
        for ask in (other.files.retrieve, other.files.delete, other.files.content):
            with pytest.raises(openai.NotFoundError) as caught:
                ask(id_)
            assert f"No such File object: {id_}" in caught.value.message
        with pytest.raises(openai.NotFoundError):
            other.batches.create(
                input_file_id=id_, endpoint="/v1/chat/completions", completion_window="24h"
            )
    for ask in (other.batches.retrieve, other.batches.cancel):
        with pytest.raises(openai.NotFoundError):
            ask(batch.id)
    assert list(other.files.list()) == []
    assert list(other.batches.list()) == []
    done = ended(client, batch.id)
    with pytest.raises(openai.NotFoundError):
        other.files.content(done.output_file_id)
    assert client.files.content(done.output_file_id).text


def test_listing_goes_on_in_pages_of_the_organizations_own(two, other):
    with OpenAI(base_url=two.first.url, api_key=two.key("pro", "lister"), max_retries=0) as client:
        made = [
            client.files.create(file=("f", b"%d" % number), purpose="user_data").id
            for number in range(5)
        ]
        other.files.create(file=("g", b"x"), purpose="user_data")
        assert [each.id for each in client.files.list(limit=2)] == made[::-1]
        assert [each.id for each in client.files.list(limit=2, order="asc")] == made
        assert list(client.files.list(purpose="batch")) == []
        assert len(list(client.files.list(purpose="user_data", limit=1))) == 5
        page = client.files.list(limit=2, after=made[1])
        assert [each.id for each in page.data] == [made[0]]
        assert not page.has_more


def test_a_batch_is_begun_worked_off_and_read_at_any_gateway(two, client, elsewhere):
    file = client.files.create(file=("a", lines(chat(), chat("More"))), purpose="batch")
    batch = client.batches.create(
        input_file_id=file.id,
        endpoint="/v1/chat/completions",
        completion_window="24h",
        metadata={"of": "mine"},
    )
    assert (batch.status, batch.metadata) == ("in_progress", {"of": "mine"})
    assert batch.id in [each.id for each in elsewhere.batches.list()]
    done = ended(elsewhere, batch.id)
    results = elsewhere.files.content(done.output_file_id).text.splitlines()
    told = {row["custom_id"]: row["response"] for row in map(json.loads, results)}
    assert {name: each["status_code"] for name, each in told.items()} == {"r0": 200, "r1": 200}
    assert told["r0"]["body"]["model"] == "sim-mini"
    assert done.output_file_id in [each.id for each in client.files.list()]


def test_each_request_goes_to_the_backend_that_its_model_means(two, client):
    content = lines(chat(model="gpt-4o-mini"), chat(model="large", seed=12345678901234567890))
    file = client.files.create(file=("a", content), purpose="batch")
    sent = client.files.content(file.id).text.splitlines()
    assert [json.loads(line)["body"]["model"] for line in sent] == ["sim-mini", "sim-maxi"]
    assert "12345678901234567890" in sent[1]
    as_they_came = content.decode().replace("gpt-4o-mini", "sim-mini").replace("large", "sim-maxi")
    assert sent == as_they_came.splitlines()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no requests"),
        (b"not json", "Line 1: not JSON"),
        (lines(chat(), chat(model="nobody")), "Line 2"),
        (lines(chat(stream=True)), "not streamed"),
        (lines(chat(), chat()).replace(b"r1", b"r0"), "custom_id"),
        (lines(chat(), url="/v1/audio/speech"), "Line 1"),
        (lines(chat(model="away")), "takes part in batches"),
        (
            lines({"model": "mini", "input": "x"}, url="/v1/embeddings")
            + b"\n"
            + lines(chat()).replace(b"r0", b"r1"),
            "Line 2: `url` differs",
        ),
        (lines(chat(max_tokens=-1)), "Line 1"),
    ],
)
def test_a_file_of_requests_that_is_wrong_is_refused_with_its_line(client, content, words):
    with pytest.raises(openai.APIStatusError) as caught:
        client.files.create(file=("a", content), purpose="batch")
    assert caught.value.status_code in (400, 403, 404)
    assert words in caught.value.message


def test_what_is_private_does_not_leave_in_a_file(client):
    words = "Write to jane.doe@example.com about it."
    with pytest.raises(openai.BadRequestError) as caught:
        client.files.create(file=("a", lines(chat(words, model="careful"))), purpose="batch")
    assert "Line 1" in caught.value.message
    client.files.create(file=("a", lines(chat("Hello", model="careful"))), purpose="batch")


def test_a_tier_that_may_not_use_the_account_keeps_nothing_there(two):
    key = two.key("apart", "aside")
    with (
        OpenAI(base_url=two.first.url, api_key=key, max_retries=0) as aside,
        pytest.raises(openai.PermissionDeniedError),
    ):
        aside.files.create(file=("a", b"x"), purpose="user_data")


def test_a_file_pins_a_request_to_its_account_and_is_its_owners(two, client, other):
    mine = client.files.create(file=("a.pdf", b"%PDF"), purpose="user_data")
    part = {"type": "file", "file": {"file_id": mine.id}}
    asked = {"messages": [{"role": "user", "content": [part]}]}
    answer = client.chat.completions.with_raw_response.create(model="small", **asked)
    assert answer.headers["x-turnout-backend"] == "mini"
    with pytest.raises(openai.NotFoundError) as caught:
        other.chat.completions.create(model="small", **asked)
    assert mine.id in caught.value.message
    with pytest.raises(openai.BadRequestError) as elsewhere:
        client.chat.completions.create(model="away", **asked)
    assert "files kept by another backend" in elsewhere.value.message
    escaped = json.dumps({"model": "small", **asked}).replace("file_id", "file\\u005fid")
    refused = other._client.post(
        f"{two.first.url}/chat/completions",
        content=escaped,
        headers={"authorization": f"Bearer {other.api_key}"},
    )
    assert refused.status_code == 404


def test_nobody_is_let_in_without_a_key(two):
    with OpenAI(base_url=two.first.url, api_key="tk-wrong", max_retries=0) as nobody:
        for ask in (nobody.files.list, nobody.batches.list, lambda: nobody.files.retrieve("f")):
            with pytest.raises(openai.AuthenticationError):
                ask()


def test_a_batch_is_held_against_the_purse_of_the_run_that_its_header_names(two):
    run = {"x-turnout-run-id": "nightly"}
    with OpenAI(base_url=two.first.url, api_key=two.key("runs", "agents"), max_retries=0) as agent:
        file = agent.files.create(file=("a", lines(chat(), chat())), purpose="batch")
        asked = {"input_file_id": file.id, "endpoint": "/v1/chat/completions"}
        with pytest.raises(openai.BadRequestError) as unnamed:
            agent.batches.create(**asked, completion_window="24h")
        assert unnamed.value.param == "x-turnout-run-id"
        agent.batches.create(**asked, completion_window="24h", extra_headers=run)
        with pytest.raises(openai.RateLimitError) as refused:  # two of three are spent
            agent.batches.create(**asked, completion_window="24h", extra_headers=run)
        assert refused.value.response.headers["x-turnout-limit"] == "run:requests"


def test_who_has_a_credential_of_its_own_keeps_nothing_new_in_the_operators_account(
    two, shared_database
):
    key = two.key("pro", "owner")
    with OpenAI(base_url=two.first.url, api_key=key, max_retries=0) as owner:
        made = owner.files.create(file=("r.jsonl", lines(chat())), purpose="batch")
        note = owner.files.create(file=("n.txt", b"A note."), purpose="user_data")
        store = ProviderCredentialStore(shared_database, vault=Vault.of([SECRETS_KEY]))
        store.put("owner", "mini", "sk-of-the-owner-itself")
        store.close()

        def refused() -> bool:
            try:
                owner.files.create(file=("n.txt", b"A note."), purpose="user_data")
            except openai.PermissionDeniedError as error:
                return "credential of its own" in error.message
            return False

        until(refused)
        with pytest.raises(openai.PermissionDeniedError, match="credential of its own"):
            owner.batches.create(
                input_file_id=made.id, endpoint="/v1/chat/completions", completion_window="24h"
            )
        part = [{"type": "file", "file": {"file_id": note.id}}]
        with pytest.raises(openai.APIStatusError) as pinned:
            owner.chat.completions.create(
                **chat() | {"messages": [{"role": "user", "content": part}]}
            )
        assert pinned.value.status_code in (400, 403)
        assert owner.files.content(note.id).read() == b"A note."  # what is there stays
        assert owner.files.delete(made.id).deleted
