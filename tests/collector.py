"""An OpenTelemetry collector of our own: takes OTLP over HTTP, and keeps what it was sent."""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(one) for one in value.array_value.values]
    return getattr(value, kind)


def _values(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


@dataclass(frozen=True)
class Sent:
    """One span as it arrived: ids as hex digits, `parent` empty at a root, times in nanoseconds."""

    name: str
    kind: str
    trace: str
    span: str
    parent: str
    start: int
    end: int
    attributes: dict[str, Any]
    events: dict[str, int]
    error: str | None
    resource: dict[str, Any]
    schema: str


class Collector:
    """What was sent, decoded; `raw` are the bodies, `headers` those of the last request."""

    def __init__(self) -> None:
        self.url = ""
        self.raw: list[bytes] = []
        self.headers: dict[str, str] = {}
        self.paths: set[str] = set()

    def take(self, path: str, headers: dict[str, str], body: bytes) -> bytes:
        """Keep one request; return the body of its answer."""
        self.paths.add(path)
        self.headers = headers
        self.raw.append(body)
        return ExportTraceServiceResponse().SerializeToString()

    def spans(self) -> list[Sent]:
        """Every span so far."""
        return [span for body in list(self.raw) for span in _spans(body)]

    def trace(self, trace_id: str) -> list[Sent]:
        """The spans of one trace, its server span first, then by their beginning."""
        mine = [span for span in self.spans() if span.trace == trace_id]
        return sorted(mine, key=lambda span: (span.kind != "SERVER", span.start))


def _spans(body: bytes) -> Iterator[Sent]:
    for batch in ExportTraceServiceRequest.FromString(body).resource_spans:
        resource = _values(batch.resource.attributes)
        for scope in batch.scope_spans:
            for span in scope.spans:
                yield _sent(span, resource, scope.schema_url)


def _sent(span: Span, resource: dict[str, Any], schema: str) -> Sent:
    failed = span.status.code == Status.STATUS_CODE_ERROR
    return Sent(
        name=span.name,
        kind=Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        trace=span.trace_id.hex(),
        span=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        start=span.start_time_unix_nano,
        end=span.end_time_unix_nano,
        attributes=_values(span.attributes),
        events={event.name: event.time_unix_nano for event in span.events},
        error=span.status.message if failed else None,
        resource=resource,
        schema=schema,
    )


@contextmanager
def collector() -> Iterator[Collector]:
    """A collector that listens."""
    kept = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            names = {name.lower(): value for name, value in self.headers.items()}
            answer = kept.take(self.path, names, body)
            self.send_response(200)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    kept.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield kept
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5.0)
