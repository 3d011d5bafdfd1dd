"""What a span is, before any library sees it: the shapes of tables, and of what comes of them.

Tables of spans hold rows of these shapes: what a span, an event or an attribute is called, what it
means, and how it is read from what is known after a request. `tell` makes a record of a row.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from router.telemetry.traces.context import TraceContext

T = TypeVar("T")
Value = str | bool | int | float | tuple[str, ...]
Values = Mapping[str, Value]


class Kind(StrEnum):
    """Which side of a call a span tells of."""

    SERVER = "server"
    CLIENT = "client"


@dataclass(frozen=True)
class Attribute(Generic[T]):
    """One attribute. `read` returns None where there is nothing to say: it is left out then."""

    name: str
    meaning: str
    read: Callable[[T], Value | None]


@dataclass(frozen=True)
class EventRow(Generic[T]):
    """One event of a span. `at` returns when it was, None where it was not."""

    name: str
    meaning: str
    at: Callable[[T], float | None]


@dataclass(frozen=True)
class SpanRow(Generic[T]):
    """One kind of span. `error` returns what went wrong, in our own words; None where nothing did.

    Times are seconds of the clock that took note of them.
    """

    kind: Kind
    title: str
    meaning: str
    name: Callable[[T], str]
    times: Callable[[T], tuple[float, float]]
    error: Callable[[T], str | None]
    attributes: tuple[Attribute[T], ...]
    events: tuple[EventRow[T], ...] = ()


@dataclass(frozen=True, slots=True)
class EventRecord:
    """An event as it was, in nanoseconds of Unix time."""

    name: str
    at_ns: int


@dataclass(frozen=True, slots=True)
class SpanRecord:
    """A span as it was, in nanoseconds of Unix time.

    `parent` is None at the root of a trace; a server's is another service's span.
    """

    kind: Kind
    name: str
    context: TraceContext
    parent: TraceContext | None
    start_ns: int
    end_ns: int
    attributes: Values
    events: tuple[EventRecord, ...]
    error: str | None


def tell(
    row: SpanRow[T],
    known: T,
    context: TraceContext,
    parent: TraceContext | None,
    unix_ns: Callable[[float], int],
) -> SpanRecord:
    """Return the record of a span; `unix_ns` says when a second of the row's clock was."""
    start, end = row.times(known)
    attributes: dict[str, Value] = {}
    for attribute in row.attributes:
        value = attribute.read(known)
        if value is not None:
            attributes[attribute.name] = value
    happened = [(event.name, event.at(known)) for event in row.events]
    return SpanRecord(
        kind=row.kind,
        name=row.name(known),
        context=context,
        parent=parent,
        start_ns=unix_ns(start),
        end_ns=unix_ns(end),
        attributes=attributes,
        events=tuple([EventRecord(name, unix_ns(at)) for name, at in happened if at is not None]),
        error=row.error(known),
    )
