"""A span's place in a trace, and how it travels between services: W3C Trace Context, level 2.

`traceparent` is read and written here; `tracestate`, which holds other vendors' words, goes no
further than this gateway.
"""

import re
from collections.abc import Callable
from typing import Final, NamedTuple

SAMPLED: Final = 0x01
RANDOM: Final = 0x02  # the trace's id was made at random
DRAWN_BITS: Final = 56  # of a trace's id, the last: those that are random in every one
TRACEPARENT: Final = "traceparent"
_HEADER: Final = re.compile(
    rb"(?!ff)(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})"
    rb"-(?P<flags>[0-9a-f]{2})(?P<more>-.*)?"
)
Bits = Callable[[int], int]
"""Makes so many random bits, as an integer."""


class TraceContext(NamedTuple):
    """One span: its trace's id (128 bits), its own (64 bits), and the trace's flags."""

    trace_id: int
    span_id: int
    flags: int

    @property
    def sampled(self) -> bool:
        """Whether whoever began the trace keeps it."""
        return bool(self.flags & SAMPLED)

    @property
    def header(self) -> str:
        """What `traceparent` says of it."""
        return f"00-{self.trace_id:032x}-{self.span_id:016x}-{self.flags:02x}"


def parse_traceparent(value: bytes | None) -> TraceContext | None:
    """Return the span that a header names; None where there is none, or it is malformed.

    Of versions to come what version 00 has is read, as they promise.
    """
    match = _HEADER.fullmatch(value) if value is not None else None
    if match is None or (match["version"] == b"00" and match["more"] is not None):
        return None
    trace_id, span_id = int(match["trace"], 16), int(match["span"], 16)
    if not (trace_id and span_id):
        return None
    return TraceContext(trace_id, span_id, int(match["flags"], 16) & (SAMPLED | RANDOM))
