"""`traceparent`: read as W3C Trace Context says, written so that others can read it."""

import pytest

from router.telemetry.traces.context import RANDOM, SAMPLED, TraceContext, parse_traceparent

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GOOD = f"00-{TRACE}-{SPAN}-01"


def test_a_header_names_a_span_of_a_trace() -> None:
    context = parse_traceparent(GOOD.encode())
    assert context == TraceContext(int(TRACE, 16), int(SPAN, 16), SAMPLED)
    assert context.sampled
    assert context.header == GOOD


def test_ids_keep_their_leading_zeros() -> None:
    assert TraceContext(1, 2, 0).header == f"00-{1:032x}-{2:016x}-00"


@pytest.mark.parametrize(("flags", "kept"), [("00", 0), ("03", SAMPLED | RANDOM), ("fd", SAMPLED)])
def test_flags_that_nobody_knows_yet_go_no_further(flags: str, kept: int) -> None:
    context = parse_traceparent(f"00-{TRACE}-{SPAN}-{flags}".encode())
    assert context is not None
    assert context.flags == kept


def test_a_version_to_come_is_read_as_far_as_it_is_known() -> None:
    for header in (f"01-{TRACE}-{SPAN}-01", f"cc-{TRACE}-{SPAN}-01-what-will-be"):
        context = parse_traceparent(header.encode())
        assert context is not None
        assert context.header == GOOD


@pytest.mark.parametrize(
    "header",
    [
        None,
        b"",
        b"00",
        f"00-{TRACE}-{SPAN}".encode(),
        f"00-{TRACE}-{SPAN}-01-more".encode(),
        f"ff-{TRACE}-{SPAN}-01".encode(),
        f"00-{'0' * 32}-{SPAN}-01".encode(),
        f"00-{TRACE}-{'0' * 16}-01".encode(),
        f"00-{TRACE.upper()}-{SPAN}-01".encode(),
        f"00-{TRACE[:-1]}-{SPAN}-01".encode(),
        f"00-{TRACE[:-1]}g-{SPAN}-01".encode(),
        f" {GOOD}".encode(),
        f"{GOOD}\n".encode(),
        b"\xff" * 55,
    ],
)
def test_a_malformed_header_is_none(header: bytes | None) -> None:
    assert parse_traceparent(header) is None
