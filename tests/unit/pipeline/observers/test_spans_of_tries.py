"""The spans of a request's tries: what the conventions name, causes, and when each was over."""

from dataclasses import replace

from fakes.caller import FakeCaller
from traced_requests import (
    NOW,
    WORLD,
    Answered,
    Opened,
    at,
    finished_with,
    own_span,
    spans_of,
    trace_of,
    tried,
)

from router.backends.dialects.base import Failure
from router.backends.dispatch.failures import AttemptFailed, Kind
from router.backends.dispatch.upstream import BilledAnswer
from router.domain import Usage
from router.errors import StreamBroken
from router.operations.chat import parse_chat


async def test_a_stream_ends_when_it_is_closed() -> None:
    caller = FakeCaller.asking(stream=True)
    _, attempt = spans_of(await finished_with({"answer": Answered()}, caller=caller))
    assert (attempt.start_ns, attempt.end_ns) == (at(998.5), at(999.5))


async def test_a_stream_that_ended_at_once_took_as_long_as_its_first_byte() -> None:
    finished = await finished_with({"answer": Answered()}, caller=FakeCaller.asking(stream=True))
    finished.trace.attempts[0].opened.closed = NOW - 1.3
    _, attempt = spans_of(finished)
    assert (attempt.start_ns, attempt.end_ns) == (at(998.45), at(998.7))


async def test_a_try_that_was_called_off_ends_when_another_answered_or_with_the_request() -> None:
    finished = await finished_with({}, {"answer": Answered()})
    lost, won = finished.trace.attempts
    assert spans_of(finished)[1].end_ns == at(1_000.0)
    lost.opened = won.opened  # they were asked side by side
    lost.deployment = replace(lost.deployment, id="moe/1.0")
    _, called_off, _ = spans_of(finished)
    assert called_off.end_ns == at(999.25)
    assert called_off.error is None


async def test_a_try_tells_what_the_conventions_name() -> None:
    usage = Usage(100, 50, 20, 10, cache_write_tokens=30)
    ask = parse_chat(FakeCaller.asking(stream=True, max_tokens=9, n=2).raw)
    told = (await tried(answer=Answered(usage), request=ask)).attributes
    assert dict(told) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "moe-model",
        "gen_ai.request.stream": True,
        "gen_ai.request.max_tokens": 9,
        "gen_ai.request.choice.count": 2,
        "gen_ai.response.model": "m-2026",
        "gen_ai.response.id": "c-1",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.response.time_to_first_chunk": 0.25,
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 50,
        "gen_ai.usage.cache_read.input_tokens": 20,
        "gen_ai.usage.cache_creation.input_tokens": 30,
        "gen_ai.usage.reasoning.output_tokens": 10,
        "server.address": "127.0.0.1",
        "server.port": 9,
        "http.response.status_code": 200,
        "turnout.backend": "moe",
        "turnout.deployment": "moe/0.0",
        "turnout.attempt": 1,
        "turnout.role": "judge",  # it is another question than the client's
    }


async def test_a_try_without_an_answer_tells_no_more_than_that() -> None:
    span = await tried()
    assert span.error is None
    told = set(span.attributes)
    assert not {name for name in told if name.startswith(("gen_ai.response", "gen_ai.usage"))}
    assert not told & {"http.response.status_code", "error.type"}
    assert span.attributes["turnout.role"] == "answer"


async def test_usage_by_the_conventions_names_is_counted_once() -> None:
    own, attempt = spans_of(await finished_with({"answer": Answered(Usage(100, 50))}))
    assert not [name for name in own.attributes if name.startswith("gen_ai.usage")]
    assert attempt.attributes["gen_ai.usage.input_tokens"] == 100


async def test_a_failed_try_tells_its_cause_in_our_own_words() -> None:
    failure = Failure("MARKER says the backend")
    said = "answered 429 (rate limited)"
    failed = AttemptFailed(Kind.RATE_LIMITED, said, status=429, failure=failure, clue="quota")
    failed.answered = 429
    span = await tried(failed=failed)
    assert span.error == said
    assert span.attributes["turnout.clue"] == "quota"
    assert span.attributes["error.type"] == "rate_limited"
    assert span.attributes["http.response.status_code"] == 429


async def test_an_answer_that_broke_off_is_the_fault_of_its_try() -> None:
    each = ({"answer": Answered(), "backend": "local"}, {"answer": Answered()})
    error = StreamBroken("The answer broke off.")
    caller = FakeCaller.asking(stream=True)
    own, rejected, given = spans_of(await finished_with(*each, caller=caller, error=error))
    assert (own.error, own.attributes["error.type"]) == ("StreamBroken", "StreamBroken")
    assert own.attributes["http.response.status_code"] == 200  # its head had left
    assert (rejected.error, given.error) == (None, "broke off")
    assert given.attributes["error.type"] == "broken"


async def test_an_answer_that_a_cascade_rejected_names_the_verifier() -> None:
    each = ({"answer": Answered(), "backend": "local"}, {"answer": Answered()})
    billed = (BilledAnswer(WORLD.backends["local"], Usage(1, 1), "not_empty", "is empty"),)
    _, rejected, given = spans_of(await finished_with(*each, billed=billed))
    assert rejected.attributes["turnout.rejected_by"] == "not_empty"
    assert "turnout.rejected_by" not in given.attributes


async def test_candidates_that_were_passed_over_are_named_with_the_reason() -> None:
    trace = trace_of()
    full = AttemptFailed(Kind.FULL, "has no free slot")
    trace.failed(WORLD.backends["local"], "local", Opened(None), full)
    own = await own_span(trace=trace)
    assert own.attributes["turnout.passed_over"] == ("local has no free slot",)
