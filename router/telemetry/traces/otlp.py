"""Traces to a collector, by OpenTelemetry's SDK: OTLP over HTTP, in batches, from a thread.

The one file that knows the SDK, which is an extra: import it where traces are configured alone.
Spans come here finished, with their ids, so the SDK is told both. What the collector does not take
is lost, counted, and told once a minute; no request waits for it or learns of it.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from types import MappingProxyType
from typing import Final
from uuid import uuid4

from opentelemetry import trace as api
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from router.telemetry.traces.context import RANDOM, SAMPLED, TraceContext
from router.telemetry.traces.span import Kind, SpanRecord

_LOG: Final = logging.getLogger(__name__)
_LIBRARY: Final = "opentelemetry"
_PATH: Final = "/v1/traces"
_MOST_WAITING: Final = 2_048  # spans; more are dropped
_BATCH: Final = 512
_EVERY_MS: Final = 1_000
_PATIENCE: Final = 5.0  # seconds for a batch, its retries included; and for the last ones at an end
_LONGEST: Final = 512  # characters of what the library says
_SILENCE: Final = 60.0  # seconds between two lines about what fails
_KINDS: Final = MappingProxyType(
    {Kind.SERVER: api.SpanKind.SERVER, Kind.CLIENT: api.SpanKind.CLIENT}
)


@dataclass(frozen=True, slots=True)
class Collector:
    """Where spans go: its address, with or without /v1/traces; headers, which may hold a secret;
    what the service is called there; and the conventions' schema."""

    url: str
    service: str
    schema: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def endpoint(self) -> str:
        """The whole address."""
        return self.url if self.url.endswith(_PATH) else self.url.rstrip("/") + _PATH


class _GivenIds(IdGenerator):
    """Ids that are known already, in place of new ones."""

    def __init__(self) -> None:
        self.context = TraceContext(1, 1, 0)

    def generate_trace_id(self) -> int:
        return self.context.trace_id

    def generate_span_id(self) -> int:
        return self.context.span_id

    def is_trace_id_random(self) -> bool:
        return bool(self.context.flags & RANDOM)


class Complaints(logging.Handler):
    """Tells once a minute what goes wrong: what the library logs, and what is dropped here.

    A line names the first cause, and how many others were not told since the line before.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(logging.WARNING)
        self._clock = clock
        self._silent_until = float("-inf")
        self._suppressed = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line of the library's."""
        self.tell(record.getMessage()[:_LONGEST])

    def tell(self, cause: str) -> None:
        """Tell, or count."""
        now = self._clock()
        if now < self._silent_until:
            self._suppressed += 1
            return
        _LOG.warning(
            "traces are incomplete", extra={"cause": cause, "suppressed": self._suppressed}
        )
        self._silent_until, self._suppressed = now + _SILENCE, 0


class _Counting(SpanExporter):
    """An exporter whose results are counted; after `deadline` it takes nothing more."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self.exported = self.failed = 0
        self.deadline = float("inf")

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = SpanExportResult.FAILURE
        try:
            if time.monotonic() <= self.deadline:
                result = self._exporter.export(spans)
        finally:  # what it raises, its processor logs
            if result is SpanExportResult.SUCCESS:
                self.exported += len(spans)
            else:
                self.failed += len(spans)
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()


def _batches(exporter: SpanExporter) -> SpanProcessor:
    return BatchSpanProcessor(
        exporter,
        max_queue_size=_MOST_WAITING + _BATCH,
        schedule_delay_millis=_EVERY_MS,
        max_export_batch_size=_BATCH,
    )


class Spans:
    """Takes spans and exports them. `close` it: what waits is exported then.

    `exporter` and `process` stand for others in tests; `complaints` tells what went wrong.
    """

    def __init__(
        self,
        collector: Collector,
        *,
        worker: int | None = None,
        exporter: SpanExporter | None = None,
        process: Callable[[SpanExporter], SpanProcessor] = _batches,
        complaints: Complaints | None = None,
    ) -> None:
        self._complaints = complaints or Complaints()
        self._counting = _Counting(exporter or _over_http(collector))
        self._ids = _GivenIds()
        self._provider = TracerProvider(
            ALWAYS_ON,
            _resource(collector.service, worker),
            shutdown_on_exit=False,
            id_generator=self._ids,
        )
        self._provider.add_span_processor(process(self._counting))
        own = version("turnout")
        self._tracer = self._provider.get_tracer("turnout", own, collector.schema)
        self._taken = self._dropped = 0
        library = logging.getLogger(_LIBRARY)
        library.propagate = False
        library.addHandler(self._complaints)

    @property
    def counts(self) -> Mapping[str, int]:
        """Spans so far: exported, failed (the collector did not take them), dropped (too many)."""
        counting = self._counting
        return {
            "exported": counting.exported,
            "failed": counting.failed,
            "dropped": self._dropped,
        }

    def add(self, spans: Sequence[SpanRecord]) -> None:
        """Take spans; where too many wait already, they are dropped."""
        counting = self._counting
        waiting = self._taken - counting.exported - counting.failed
        if waiting + len(spans) > _MOST_WAITING:
            self._dropped += len(spans)
            self._complaints.tell("too many spans wait to be sent: new ones are dropped")
            return
        self._taken += len(spans)
        for span in spans:
            self._export(span)

    def _export(self, span: SpanRecord) -> None:
        self._ids.context = span.context
        made = self._tracer.start_span(
            span.name,
            _below(span.parent, remote=span.kind is Kind.SERVER),
            _KINDS[span.kind],
            span.attributes,
            start_time=span.start_ns,
        )
        for event in span.events:
            made.add_event(event.name, timestamp=event.at_ns)
        if span.error is not None:
            made.set_status(api.StatusCode.ERROR, span.error)
        made.end(span.end_ns)

    def close(self) -> None:
        """Export what waits, for a few seconds; blocks."""
        self._counting.deadline = time.monotonic() + _PATIENCE
        self._provider.shutdown()
        library = logging.getLogger(_LIBRARY)
        library.removeHandler(self._complaints)
        library.propagate = True


def _over_http(collector: Collector) -> SpanExporter:
    return OTLPSpanExporter(collector.endpoint, headers=dict(collector.headers), timeout=_PATIENCE)


def _resource(service: str, worker: int | None) -> Resource:
    """Who sends the spans; OTEL_RESOURCE_ATTRIBUTES adds to it."""
    attributes: dict[str, str | int] = {
        "service.name": service,
        "service.version": version("turnout"),
        "service.instance.id": str(uuid4()),
    }
    if worker is not None:
        attributes["turnout.worker"] = worker
    return Resource.create(attributes)


def _below(parent: TraceContext | None, *, remote: bool) -> Context:
    """The context in which a span has this parent. What is kept here is sampled, by definition."""
    if parent is None:
        return Context()
    place = api.SpanContext(
        parent.trace_id, parent.span_id, remote, api.TraceFlags(parent.flags | SAMPLED)
    )
    return api.set_span_in_context(api.NonRecordingSpan(place), Context())
