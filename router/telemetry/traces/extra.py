"""The libraries that export traces are an extra: whether they are there, and what uses them.

Nothing of them is imported where no traces are configured.
"""

from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final, Protocol

from router.telemetry.traces.span import SpanRecord

INSTALL: Final = "pip install 'turnout[telemetry]'"
_NEEDED: Final = ("opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.http")


class SpanSink(Protocol):
    """Where spans go."""

    @property
    def counts(self) -> Mapping[str, int]:
        """How many so far, by what became of them."""

    def add(self, spans: Sequence[SpanRecord]) -> None:
        """Take the spans of one request; waits for nothing."""

    def close(self) -> None:
        """Send what waits; blocks for a few seconds at most."""


def is_installed() -> bool:
    """Return whether traces can be exported."""
    try:
        return all(find_spec(name) is not None for name in _NEEDED)
    except ModuleNotFoundError:  # of a package above
        return False


def open_spans(
    url: str, *, service: str, schema: str, headers: Mapping[str, str], worker: int | None
) -> SpanSink:
    """Return what sends spans to the collector at `url`, by OTLP over HTTP.

    `service` is what we are called there, `worker` which of several workers we are; `schema` is
    that of the names. Raises ModuleNotFoundError where the extra is not installed.
    """
    otlp: Any = import_module("router.telemetry.traces.otlp")
    sink: SpanSink = otlp.Spans(otlp.Collector(url, service, schema, headers), worker=worker)
    return sink
