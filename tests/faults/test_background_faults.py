"""Gateways that stop or are killed while they work in the background, over one real ledger."""

import signal
from collections.abc import Iterator

import pytest
import redis
from gated import FIRST, REST
from gatewaykit import booked
from keepingkit import two_gateways
from ledgerkit import Outside
from openai import OpenAI
from patience import LONGEST_SECONDS, until
from sqlalchemy import create_engine, text

from router.ledger.server.embedded import Embedded

ORGANIZATION = "acme"


@pytest.fixture
def ledger(tmp_path) -> Iterator[Embedded]:
    with Embedded(tmp_path / "valkey") as embedded:
        yield embedded


@pytest.fixture
def outside(ledger) -> Iterator[Outside]:
    with redis.Redis(unix_socket_path=ledger.url.removeprefix("unix://")) as client:
        yield Outside(client)


@pytest.fixture
def database(tmp_path) -> str:
    return f"sqlite:///{tmp_path / 'shared.db'}"


@pytest.fixture
def two(tmp_path, ledger, database):
    with two_gateways(tmp_path / "two", database, ledger=ledger.url) as running:
        yield running


@pytest.fixture
def key(two):
    made = two.first.new_key("pro", ORGANIZATION)
    two.second.until(lambda: two.second._knows(made))
    return made


@pytest.fixture
def elsewhere(two, key) -> Iterator[OpenAI]:
    with OpenAI(base_url=two.second.url, api_key=key, max_retries=0) as made:
        yield made


@pytest.fixture
def begun(two, key) -> str:
    """The id of a response that the first gateway works on; a half is said and stored."""
    with (
        OpenAI(base_url=two.first.url, api_key=key, max_retries=0) as client,
        client.responses.create(model="gated", input="x", background=True, stream=True) as stream,
    ):
        id_ = next(iter(stream)).response.id
    with (
        OpenAI(base_url=two.second.url, api_key=key, max_retries=0) as client,
        client.responses.retrieve(id_, stream=True) as stream,
    ):
        said = next(one for one in stream if one.type == "response.output_text.delta")
    assert said.delta == FIRST
    return id_


def end_leases(database: str) -> None:
    """Let the lease of every response end now, as if its time had passed."""
    engine = create_engine(database)
    with engine.begin() as connection:
        connection.execute(text("update stored_runs set beat_at = 0"))
    engine.dispose()


def settled_once(two, outside) -> dict:
    """The one request in the books, and nothing is held."""
    until(lambda: outside.open_leases() == 0)
    row = booked(two.second, ORGANIZATION)
    assert row["requests"] == 1
    return row


def test_what_a_killed_gateway_worked_on_has_failed_and_is_settled_once(
    two, elsewhere, begun, outside, database
):
    two.processes[0].kill()
    two.processes[0].wait(LONGEST_SECONDS)
    assert elsewhere.responses.retrieve(begun).status == "in_progress"
    with elsewhere.responses.retrieve(begun, stream=True, starting_after=5) as stream:
        end_leases(database)
        failed = elsewhere.responses.retrieve(begun)
        [last] = list(stream)
    assert (failed.status, failed.error.code) == ("failed", "server_error")
    assert "stopped before its end" in failed.error.message
    assert (last.type, last.response.id) == ("response.failed", begun)
    assert elsewhere.responses.cancel(begun).status == "failed"
    outside.end_leases()
    assert settled_once(two, outside)["input_tokens"] > 0


def test_a_gateway_that_stops_finishes_what_it_works_on(two, elsewhere, begun, outside):
    two.processes[0].terminate()
    two.first.until(lambda: "stopping" in (two.first.folder / "gateway.log").read_text())
    assert elsewhere.responses.retrieve(begun).status == "in_progress"
    two.gated.gate.set()
    assert two.processes[0].wait(LONGEST_SECONDS) == 0
    done = elsewhere.responses.retrieve(begun)
    assert (done.status, done.output_text) == ("completed", FIRST + REST)
    assert settled_once(two, outside)["output_tokens"] == 5


def test_a_gateway_that_may_wait_no_longer_ends_it_as_failed(two, elsewhere, begun, outside):
    for _ in range(2):
        two.processes[0].send_signal(signal.SIGTERM)
        two.first.until(lambda: "stopping" in (two.first.folder / "gateway.log").read_text())
    assert two.processes[0].wait(LONGEST_SECONDS) == 0
    failed = elsewhere.responses.retrieve(begun)
    assert failed.status == "failed"
    assert "stopped and could not finish" in failed.error.message
    events = list(elsewhere.responses.retrieve(begun, stream=True))
    assert [event.sequence_number for event in events] == [*range(len(events))]
    assert events[-1].type == "response.failed"
    assert settled_once(two, outside)["input_tokens"] > 0


def test_a_gateway_that_stops_lets_go_of_those_who_follow_another(two, key, begun):
    with (
        OpenAI(base_url=two.second.url, api_key=key, max_retries=0) as client,
        client.responses.retrieve(begun, stream=True, starting_after=5) as stream,
    ):
        two.processes[1].terminate()
        assert list(stream) == []
    assert two.processes[1].wait(LONGEST_SECONDS) == 0
