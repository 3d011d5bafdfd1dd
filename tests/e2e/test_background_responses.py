"""Responses in the background, asked by the official client at two gateways on one database."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import openai
import pytest
from gated import FIRST, REST
from gatewaykit import booked
from keepingkit import KINDS, MARKER, two_gateways
from openai import OpenAI
from openai.types.responses import Response, ResponseStreamEvent
from patience import until
from pydantic import TypeAdapter

EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
RUNNING = ("queued", "in_progress")


@pytest.fixture(scope="module")
def two(tmp_path_factory, shared_database):
    folder = tmp_path_factory.mktemp("two")
    with two_gateways(folder, shared_database, background=3, background_each=2) as running:
        yield running


@pytest.fixture
def key(two):
    made = two.first.new_key("pro")
    two.second.until(lambda: two.second._knows(made))
    return made


@pytest.fixture
def client(two, key) -> Iterator[OpenAI]:
    with OpenAI(base_url=two.first.url, api_key=key, max_retries=0) as made:
        yield made


@pytest.fixture
def elsewhere(two, key) -> Iterator[OpenAI]:
    with OpenAI(base_url=two.second.url, api_key=key, max_retries=0) as made:
        yield made


@pytest.fixture
def gate(two):
    two.gated.gate.clear()
    yield two.gated.gate
    two.gated.gate.set()


def over(client: OpenAI, id_: str) -> Response:
    """The response once it is over."""

    def ended() -> Response | None:
        found = client.responses.retrieve(id_)
        return None if found.status in RUNNING else found

    return until(ended)


def numbers(events: list[Any]) -> list[int]:
    """The numbers of events, each of which is of the official shape."""
    for event in events:
        EVENT.validate_python(event.to_dict())
    return [event.sequence_number for event in events]


@pytest.mark.parametrize("kind", KINDS)
def test_any_backend_answers_in_the_background_and_is_polled_at_any_gateway(
    two, client, elsewhere, kind
):
    begun = client.responses.create(model=kind, input=f"What is a {MARKER}?", background=True)
    assert begun.status in RUNNING
    assert (begun.background, begun.output) == (True, [])
    assert begun.id.startswith("resp_turnout_")
    done = over(elsewhere, begun.id)
    assert (done.id, done.status, done.background) == (begun.id, "completed", True)
    assert done.output_text
    assert done.usage.output_tokens > 0
    heard = two.heard(kind)
    assert MARKER in heard
    assert "background" not in heard
    assert '"store": true' not in heard
    later = elsewhere.responses.create(model=kind, input="More.", previous_response_id=begun.id)
    assert later.previous_response_id == begun.id
    assert MARKER in two.heard(kind)


@pytest.mark.parametrize("kind", KINDS)
def test_every_event_is_told_and_told_again_from_any_number_at_any_gateway(client, elsewhere, kind):
    events = list(client.responses.create(model=kind, input="Hi", background=True, stream=True))
    assert numbers(events) == [*range(len(events))]
    assert [event.type for event in events[:3]] == [
        "response.created",
        "response.queued",
        "response.in_progress",
    ]
    assert events[-1].type == "response.completed"
    whole = [event.to_dict() for event in events]
    for asked in (client, elsewhere):
        again = asked.responses.retrieve(events[0].response.id, stream=True, starting_after=3)
        assert [event.to_dict() for event in again] == whole[4:]


def test_a_client_that_left_goes_on_at_another_gateway_while_it_runs(client, elsewhere, gate):
    with client.responses.create(model="gated", input="x", background=True, stream=True) as stream:
        seen = []
        for event in stream:
            seen.append(event)
            if event.type == "response.output_text.delta":
                break
    id_ = seen[0].response.id
    assert client.responses.retrieve(id_).status in RUNNING
    with elsewhere.responses.retrieve(
        id_, stream=True, starting_after=seen[-2].sequence_number
    ) as stream:
        goes_on = iter(stream)
        assert next(goes_on).delta == FIRST
        gate.set()
        rest = list(goes_on)
    assert numbers([*seen, *rest]) == [*range(len(seen) + len(rest))]
    assert rest[-1].response.output_text == FIRST + REST


def test_it_is_cancelled_at_another_gateway_and_paid_for_once(two, key, elsewhere, gate):
    organization = "leaving-customer"
    mine = two.first.new_key("pro", organization)
    two.second.until(lambda: two.second._knows(mine))
    with (
        OpenAI(base_url=two.first.url, api_key=mine, max_retries=0) as client,
        OpenAI(base_url=two.second.url, api_key=mine, max_retries=0) as other,
    ):
        left = two.gated.left
        begun = client.responses.create(model="gated", input="x", background=True)
        until(lambda: two.gated.heard)
        for asked in (other, client):
            cancelled = asked.responses.cancel(begun.id)
            assert (cancelled.id, cancelled.status) == (begun.id, "cancelled")
        until(lambda: two.gated.left == left + 1)
        with pytest.raises(openai.NotFoundError):
            elsewhere.responses.cancel(begun.id)  # another organization's
        assert client.responses.retrieve(begun.id).status == "cancelled"
    row = booked(two.first, organization)
    assert (row["requests"], row["input_tokens"] > 0) == (1, True)
    open_holds = 'turnout_ledger{what="open"}'
    two.first.until(lambda: two.first.counts()[open_holds] == 0)


def test_it_is_deleted_while_it_runs(two, client, elsewhere, gate):
    left, heard = two.gated.left, len(two.gated.heard)
    begun = client.responses.create(model="gated", input="x", background=True)
    until(lambda: len(two.gated.heard) > heard)
    elsewhere.responses.delete(begun.id)
    until(lambda: two.gated.left == left + 1)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(begun.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(begun.id, stream=True)


def test_what_fails_says_why(client):
    begun = client.responses.create(model="broken", input="x", background=True)
    failed = over(client, begun.id)
    assert (failed.status, failed.error.code) == ("failed", "server_error")
    assert "broke off" in failed.error.message
    events = list(client.responses.retrieve(begun.id, stream=True))
    assert events[-1].type == "response.failed"


def test_what_the_corridor_refuses_is_refused_at_once(client, two):
    with pytest.raises(openai.NotFoundError):
        client.responses.create(model="nothing", input="x", background=True)
    with (
        OpenAI(base_url=two.first.url, api_key=two.first.new_key("tight"), max_retries=0) as small,
        pytest.raises(openai.RateLimitError),
    ):
        small.responses.create(model="chat", input="x" * 9_000, background=True)


def test_it_needs_a_response_that_is_kept(client, two):
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model="chat", input="x", background=True, store=False)
    assert caught.value.param == "background"
    brief = two.first.new_key("fleeting")
    with (
        OpenAI(base_url=two.first.url, api_key=brief, max_retries=0) as fleeting,
        pytest.raises(openai.BadRequestError),
    ):
        fleeting.responses.create(model="chat", input="x", background=True)
    words = "Write to jane.doe@example.com about it."
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model="open", input=words, background=True)
    assert "responses.home" in caught.value.message
    begun = client.responses.create(model="careful", input=words, background=True)
    assert over(client, begun.id).status == "completed"


def test_what_still_runs_cannot_be_continued(client, gate):
    begun = client.responses.create(model="gated", input="x", background=True)
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model="chat", input="y", previous_response_id=begun.id)
    assert "still worked on" in caught.value.message
    client.responses.cancel(begun.id)


def test_so_many_run_at_once_of_a_customer_at_all_gateways(client, elsewhere, gate):
    begun = [
        asked.responses.create(model="gated", input="x", background=True)
        for asked in (client, elsewhere)
    ]
    with pytest.raises(openai.RateLimitError) as caught:
        client.responses.create(model="gated", input="x", background=True)
    assert "2 responses of yours" in caught.value.message
    assert caught.value.response.headers["retry-after"]
    for one in begun:
        client.responses.cancel(one.id)


def test_how_many_run_is_told_by_the_metrics(two, client, gate):
    begun = client.responses.create(model="gated", input="x", background=True)
    assert two.first.counts()["turnout_background_responses"] == 1
    client.responses.cancel(begun.id)
    two.first.until(lambda: two.first.counts()["turnout_background_responses"] == 0)


def test_a_response_that_was_waited_for_is_told_as_events_and_not_cancelled(client):
    response = client.responses.create(model="chat", input="x")
    with closing(client.responses.retrieve(response.id, stream=True)) as stream:
        events = list(stream)
    assert numbers(events) == [*range(len(events))]
    assert events[-1].response.output_text == response.output_text
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.cancel(response.id)
    assert "Cannot cancel a synchronous response" in caught.value.message
