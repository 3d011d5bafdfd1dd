"""Spans as OpenTelemetry's SDK gets them: ids, times and parents as they were; losses are told."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from fakes.clock import FakeClock
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from router.telemetry.traces.context import RANDOM, SAMPLED, TraceContext
from router.telemetry.traces.extra import is_installed, open_spans
from router.telemetry.traces.otlp import Collector, Complaints, Spans
from router.telemetry.traces.span import EventRecord, Kind, SpanRecord

COLLECTOR = Collector("http://127.0.0.1:9", "gateway", "https://schema/1", {"x-key": "secret"})

OWN = TraceContext(7, 8, RANDOM)


def record(
    context: TraceContext = OWN,
    parent: TraceContext | None = None,
    **fields: object,
) -> SpanRecord:
    defaults = {
        "kind": Kind.SERVER,
        "name": "POST /x",
        "start_ns": 1_000,
        "end_ns": 2_000,
        "attributes": {"a": 1},
        "events": (EventRecord("e", 1_500),),
        "error": None,
    }
    return SpanRecord(context=context, parent=parent, **(defaults | fields))  # type: ignore[arg-type]


@contextmanager
def exporting(
    exporter: SpanExporter, *, worker: int | None = None, complaints: Complaints | None = None
) -> Iterator[Spans]:
    spans = Spans(
        COLLECTOR,
        worker=worker,
        exporter=exporter,
        process=SimpleSpanProcessor,
        complaints=complaints,
    )
    yield spans
    spans.close()


def exported(*records: SpanRecord, worker: int | None = None) -> Sequence[ReadableSpan]:
    memory = InMemorySpanExporter()
    with exporting(memory, worker=worker) as spans:
        spans.add(records)
        assert spans.counts == {"exported": len(records), "failed": 0, "dropped": 0}
    return memory.get_finished_spans()


def test_a_span_is_exported_as_it_was() -> None:
    (span,) = exported(record())
    assert (span.name, span.kind) == ("POST /x", SpanKind.SERVER)
    assert (span.context.trace_id, span.context.span_id) == (7, 8)
    assert (span.start_time, span.end_time) == (1_000, 2_000)
    assert dict(span.attributes or {}) == {"a": 1}
    assert [(event.name, event.timestamp) for event in span.events] == [("e", 1_500)]
    assert span.parent is None
    assert span.status.status_code is StatusCode.UNSET
    assert span.instrumentation_scope is not None
    assert span.instrumentation_scope.schema_url == "https://schema/1"


def test_a_span_hangs_below_its_parent_whoever_drew_it() -> None:
    parent = TraceContext(7, 9, 0)  # which its own service does not keep
    (span,) = exported(record(TraceContext(7, 8, 0), parent, kind=Kind.CLIENT))
    assert span.parent is not None
    assert (span.parent.trace_id, span.parent.span_id, span.parent.is_remote) == (7, 9, False)
    assert (span.context.trace_id, span.kind) == (7, SpanKind.CLIENT)
    assert span.context.trace_flags & SAMPLED


def test_an_error_is_its_status() -> None:
    (span,) = exported(record(error="answered 500"))
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description == "answered 500"


def test_a_callers_span_is_another_services() -> None:
    (span,) = exported(record(parent=TraceContext(7, 9, SAMPLED)))
    assert span.parent is not None
    assert span.parent.is_remote


def test_the_resource_tells_the_service_and_the_worker() -> None:
    resource = exported(record(), worker=1)[0].resource.attributes
    assert (resource["service.name"], resource["turnout.worker"]) == ("gateway", 1)
    assert resource["service.version"]
    other = exported(record())[0].resource.attributes
    assert other["service.instance.id"] != resource["service.instance.id"]
    assert "turnout.worker" not in other


class Refusing(SpanExporter):
    """A collector that takes nothing."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return SpanExportResult.FAILURE


def test_what_the_collector_does_not_take_is_counted() -> None:
    with exporting(Refusing()) as spans:
        spans.add([record(), record()])
        assert spans.counts == {"exported": 0, "failed": 2, "dropped": 0}


class Raising(SpanExporter):
    """A collector that we cannot even ask."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        raise RuntimeError("cannot be asked")


def test_an_exporter_that_raises_costs_its_spans_and_no_more(caplog) -> None:
    with exporting(Raising()) as spans:
        spans.add([record()])
        assert spans.counts == {"exported": 0, "failed": 1, "dropped": 0}
        assert len(told(caplog)) == 1


class Stuck(SimpleSpanProcessor):
    """Exports nothing yet."""

    def on_end(self, span: ReadableSpan) -> None:
        return


def test_what_comes_while_too_many_wait_is_dropped_whole_and_told_once(caplog) -> None:
    spans = Spans(COLLECTOR, exporter=Refusing(), process=Stuck)
    for _ in range(1_000):
        spans.add([record(), record(), record()])
    assert spans.counts == {"exported": 0, "failed": 0, "dropped": 3 * (1_000 - 2_048 // 3)}
    ((cause, suppressed),) = told(caplog)
    assert "too many" in cause
    assert suppressed == 0
    spans.close()


def test_spans_that_wait_are_sent_at_the_end() -> None:
    memory = InMemorySpanExporter()
    spans = Spans(COLLECTOR, exporter=memory)
    spans.add([record()])
    spans.close()
    assert spans.counts["exported"] == 1


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[str, int]]:
    return [
        (line.cause, line.suppressed)  # type: ignore[attr-defined]
        for line in caplog.records
        if line.getMessage() == "traces are incomplete"
    ]


def test_a_dead_collector_is_told_once_a_minute_with_what_was_not(caplog) -> None:
    clock = FakeClock()
    library = logging.getLogger("opentelemetry.exporter.otlp.proto.http.trace_exporter")
    with exporting(Refusing(), complaints=Complaints(clock)):
        for number in range(5):
            library.error("connection %s refused", number)
        assert told(caplog) == [("connection 0 refused", 0)]
        clock.pass_by(61.0)
        library.warning("still")
        library.info("not worth a line")
        assert told(caplog)[1:] == [("still", 4)]
    assert len(caplog.records) == 2  # the library's own lines are nobody's
    library.error("after the end")
    assert len(caplog.records) == 3


@pytest.mark.parametrize(
    "url", ["http://c:4318", "http://c:4318/", "http://c:4318/v1/traces"], ids=str
)
def test_the_path_of_the_collector_may_be_left_out(url: str) -> None:
    assert Collector(url, "s", "x").endpoint == "http://c:4318/v1/traces"


def test_the_headers_of_the_collector_are_not_shown() -> None:
    assert "secret" not in repr(COLLECTOR)


def test_the_extra_is_there_and_opens() -> None:
    assert is_installed()
    sink = open_spans("http://127.0.0.1:9", service="s", schema="x", headers={}, worker=None)
    assert set(sink.counts.values()) == {0}
    sink.close()
