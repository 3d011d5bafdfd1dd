"""The spans of a finished request: names, attributes, times, parents, and nobody's text."""

import asyncio
from dataclasses import replace

import pytest
from fakes.caller import FakeCaller, sent
from fakes.finished import charge_of, finished_of
from traced_requests import (
    CALLER,
    NOW,
    NOW_NS,
    Answered,
    at,
    finished_with,
    own_span,
    spans_of,
    trace_of,
    tries,
)

from policies.decision import Denial
from router.backends.dialects.base import Failure
from router.backends.dispatch.failures import AttemptFailed, Kind
from router.domain import Outcome, Usage
from router.errors import LimitExceeded, UpstreamFailed, UpstreamRejected
from router.operations.declared import DeclaredOperation, DeclaredPaths
from router.operations.operation import Operation
from router.operations.table import OPERATIONS
from router.pipeline.observers.spans import SPANS
from router.pipeline.observers.traced import bounded
from router.pipeline.observers.traces import is_fault
from router.telemetry.traces.span import Kind as Side


async def test_a_request_is_a_server_span_and_each_try_a_client_span_below_it() -> None:
    failed = AttemptFailed(Kind.CONNECT, "refused the connection")
    each = ({"failed": failed, "backend": "local"}, {"answer": Answered()})
    own, first, second = spans_of(await finished_with(*each, trace=trace_of(parent=CALLER)))
    assert [one.kind for one in (own, first, second)] == [Side.SERVER, Side.CLIENT, Side.CLIENT]
    assert own.name == "POST /v1/chat/completions"
    assert (first.name, second.name) == ("chat local-model", "chat moe-model")
    assert own.parent == CALLER
    assert first.parent == second.parent == own.context
    assert {one.context.trace_id for one in (own, first, second)} == {CALLER.trace_id}
    assert len({one.context.span_id for one in (own, first, second)}) == 3
    assert [one.attributes["turnout.attempt"] for one in (first, second)] == [1, 2]


async def test_an_operators_own_operation_is_named_with_its_method_path_and_status() -> None:
    jobs = DeclaredPaths([DeclaredOperation("jobs", ("/v1/jobs/{job}",), "auto", ("DELETE",))])
    row = jobs.at(b"/v1/jobs/7", b"", b"DELETE")
    assert row is not None
    trace, ask = trace_of(operation=row), row.parse(b"", {})
    finished = await finished_of(trace=trace)
    finished = finished._replace(context=finished.context._replace(ask=ask))
    tries(trace, ask, {"answer": Answered(status=204)})
    own, attempt = spans_of(finished)
    assert (own.name, attempt.name) == ("DELETE /v1/jobs/{job}", "jobs moe-model")
    assert own.attributes["http.request.method"] == "DELETE"
    assert own.attributes["http.route"] == "/v1/jobs/{job}"
    assert own.attributes["http.response.status_code"] == 204
    assert own.attributes["gen_ai.operation.name"] == "jobs"
    assert "url.path" not in own.attributes


async def test_times_are_those_that_were_noted() -> None:
    trace = trace_of()
    failed = AttemptFailed(Kind.CONNECT, "refused the connection")
    finished = await finished_with({"failed": failed}, {"answer": Answered()}, trace=trace)
    trace.sent_on = NOW - 1.6
    own, first, second = spans_of(finished)
    assert (own.start_ns, own.end_ns) == (at(998.0), at(1_000.0))
    assert (first.start_ns, first.end_ns) == (at(998.5), at(998.75))
    assert (second.start_ns, second.end_ns) == (at(999.0), at(999.25))  # a whole answer came then
    events = {event.name: event.at_ns for event in own.events}
    assert events["turnout.decide"] == at(998.25)
    assert events["turnout.hold"] == at(998.4)
    assert events["turnout.settle"] == at(1_000.0)


async def test_the_classifier_is_an_event_between_the_beginning_and_the_decision() -> None:
    finished = await finished_with()
    asked = replace(finished.context.needs, classifier=True)
    for ms, seconds in ((-1_900, 998.1), (-9_000, 998.0), (+9_000, 998.25)):
        context = finished.context._replace(at_ms=NOW_NS // 1_000_000 + ms, needs=asked)
        own = spans_of(finished._replace(context=context))[0]
        events = {event.name: event.at_ns for event in own.events}
        assert events["turnout.classify"] == at(seconds)


async def test_a_request_that_asks_no_classifier_has_no_such_event() -> None:
    finished = await finished_with()
    needs = replace(finished.context.needs, classifier=False)
    context = finished.context._replace(needs=needs)
    names = [event.name for event in spans_of(finished._replace(context=context))[0].events]
    assert names == ["turnout.decide", "turnout.settle"]


async def test_a_request_tells_what_was_asked_decided_and_charged() -> None:
    caller = FakeCaller.asking(stream=True, metadata={"session_id": "s-1"})
    charge = charge_of(usage=Usage(100, 50), cost_pico=7_000_000)
    finished = await finished_with(caller=caller, charge=charge)
    own = spans_of(finished)[0]
    told = own.attributes
    assert told["http.request.method"] == "POST"
    assert told["http.route"] == told["url.path"] == "/v1/chat/completions"
    assert told["http.response.status_code"] == 200
    assert (told["gen_ai.operation.name"], told["gen_ai.request.model"]) == ("chat", "auto")
    assert told["gen_ai.request.stream"] is True
    assert told["gen_ai.conversation.id"] == "s-1"
    assert (told["turnout.organization"], told["turnout.tier"]) == ("acme", "pro")
    assert (told["turnout.route"], told["turnout.backend"]) == ("auto", "moe")
    assert told["turnout.candidates"] == finished.decision.candidates
    assert set(told["turnout.success"]) == {"local=0.50", "moe=0.80", "premium=0.95"}
    assert told["turnout.reason"] == finished.decision.reason
    assert told["turnout.request.id"] == caller.id
    assert (told["turnout.usage.input_tokens"], told["turnout.usage.output_tokens"]) == (100, 50)
    assert told["turnout.cost_usd"] == 7e-6
    assert (told["turnout.outcome"], told["turnout.attempts"]) == ("completed", 0)
    assert "error.type" not in told
    assert own.error is None


@pytest.mark.parametrize(
    ("error", "status", "fault"),
    [
        (UpstreamFailed("MARKER"), 502, "UpstreamFailed"),
        (RuntimeError("MARKER"), 500, "RuntimeError"),
        (LimitExceeded("MARKER"), 429, None),
        (UpstreamRejected("MARKER", status=400), 400, None),
        (asyncio.CancelledError(), None, None),
    ],
)
async def test_an_error_is_told_by_its_class_and_a_fault_only_where_it_is_ours(
    error, status, fault
) -> None:
    fields = {"error": error, "charge": None, "backend": "", "delivered": False}
    own = await own_span(**fields)
    assert own.attributes.get("http.response.status_code") == status
    told = None if status is None else type(error).__name__
    assert own.attributes.get("error.type") == told
    assert own.error == fault
    assert "MARKER" not in repr(own)


async def test_a_client_that_leaves_a_stream_had_its_head() -> None:
    error, charge = asyncio.CancelledError(), charge_of(outcome=Outcome.DISCONNECTED)
    caller = FakeCaller.asking(stream=True)
    own = await own_span(caller=caller, error=error, charge=charge)
    assert own.attributes["http.response.status_code"] == 200
    assert own.attributes["turnout.outcome"] == "disconnected"
    assert own.error is None


async def test_a_denial_is_a_span_without_tries() -> None:
    denial = Denial("auto", "denied", "free-never-premium", "No.", rules=("free-never-premium",))
    fields = {"decision": denial, "charge": None, "backend": ""}
    told = (await own_span(**fields)).attributes
    assert told["turnout.reason"] == "free-never-premium"
    assert told["turnout.rules"] == ("free-never-premium",)
    assert not {"turnout.candidates", "turnout.outcome", "turnout.backend"} & set(told)


@pytest.mark.parametrize(
    ("kind", "kept"), [(Kind.CREDENTIAL, True), (Kind.REJECTED, False), (Kind.TOO_LONG, False)]
)
async def test_a_backend_at_fault_keeps_the_trace_a_wrong_request_does_not(kind, kept) -> None:
    each = ({"failed": AttemptFailed(kind, "why")}, {"answer": Answered()})
    spans = spans_of(await finished_with(*each, trace=trace_of(flags=0)))
    assert bool(spans) is kept
    if kept:
        assert spans[0].attributes["turnout.kept"] == "failed"


@pytest.mark.parametrize(
    ("error", "kept"),
    [
        (UpstreamFailed("x"), True),
        (RuntimeError("x"), True),
        (LimitExceeded("x"), False),
        (asyncio.CancelledError(), False),
        (None, False),
    ],
)
async def test_a_request_failed_where_the_fault_is_not_its_clients(error, kept) -> None:
    assert bool(spans_of(await finished_with(trace=trace_of(flags=0), error=error))) is kept


async def test_a_slow_request_is_kept() -> None:
    (own,) = spans_of(await finished_with(trace=trace_of(flags=0), seconds=30.0))
    assert own.attributes["turnout.kept"] == "slow"


@pytest.mark.parametrize(("parent", "why"), [(None, "share"), (CALLER, "caller")])
async def test_what_was_drawn_says_who_drew_it(parent, why) -> None:
    own = await own_span(trace=trace_of(parent=parent))
    assert own.attributes["turnout.kept"] == why


async def test_a_name_that_somebody_made_up_is_cut() -> None:
    assert (bounded(None), bounded(""), bounded("ab")) == (None, "", "ab")
    caller = FakeCaller.asking(metadata={"session_id": "s" * 1_000})
    own, attempt = spans_of(
        await finished_with({"answer": Answered(model="a" * 1_000)}, caller=caller)
    )
    assert len(str(own.attributes["gen_ai.conversation.id"])) == 128
    assert len(str(attempt.attributes["gen_ai.response.model"])) == 128


async def test_a_request_that_is_not_traced_leaves_nothing() -> None:
    assert spans_of(await finished_of()) == ()


async def test_no_text_of_the_client_or_the_model_is_in_a_span() -> None:
    caller = FakeCaller.asking(
        "MARKER",
        user="MARKER",
        tools=[{"type": "function", "function": {"name": "MARKER", "parameters": {}}}],
    )
    caller.fields = sent({"authorization": "Bearer MARKER", "x-note": "MARKER"})
    failure = Failure("MARKER", "MARKER", "MARKER", "MARKER")
    failed = AttemptFailed(Kind.SERVER, "answered 500 (server error)", failure=failure)
    each = ({"failed": failed}, {"answer": Answered(Usage(1, 1))})
    ended = {"answer": b"MARKER", "error": UpstreamFailed("MARKER")}
    spans = spans_of(await finished_with(*each, caller=caller, **ended))
    assert len(spans) == 3
    assert "MARKER" not in repr(spans)


def test_no_span_has_two_attributes_or_two_events_of_one_name() -> None:
    for row in SPANS:
        names = [one.name for one in (*row.attributes, *row.events)]
        assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (None, False),
        (asyncio.CancelledError(), False),
        (LimitExceeded("x"), False),
        (UpstreamFailed("x"), True),
        (RuntimeError("x"), True),
    ],
)
def test_whose_fault_an_error_is(error: BaseException | None, fault: bool) -> None:
    assert is_fault(error) is fault


@pytest.mark.parametrize("row", OPERATIONS, ids=lambda row: row.path)
async def test_an_endpoint_is_told_as_it_was_asked(row: Operation) -> None:
    own = await own_span(trace=trace_of(operation=row))
    assert own.name == f"POST {row.path}"
    assert own.attributes["http.route"] == row.path
    assert ("url.path" in own.attributes) is ("{" not in row.path)


async def test_what_is_counted_besides_tokens_is_told() -> None:
    own = await own_span(charge=charge_of(usage=Usage(units=(("image", 2),))))
    assert own.attributes["turnout.usage.units"] == ("image=2",)
