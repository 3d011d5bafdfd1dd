"""Whatever bytes come from a client, out of a backend's stream or out of the ledger."""

from fuzz.targets import edge, ledger_codec, sse
from hypothesis import example, given
from hypothesis import strategies as st

from router.ledger.codec import CalendarState, StateNumbers, read_scope, write_scope

METHODS = st.sampled_from(
    [b"GET", b"POST", b"HEAD", b"OPTIONS", b"CONNECT", b"PRI", b"get", b"P\0ST"]
)
TARGETS = st.sampled_from(
    [
        b"/v1/chat/completions", b"/v1/messages", b"/v1/responses", b"//v1//models", b"/v1/models",
        b"http://a/v1/models", b"*", b"/%2e%2e/admin", b"", b"/" + b"a" * 9000,
    ]
)  # fmt: skip
HEADERS = st.sampled_from(
    [
        b"Host: a", b"Host: x/#@y", b"Authorization: Bearer k", b"Content-Length: 2",
        b"Content-Length: -1", b"Content-Length: 99999999999999999999",
        b"Transfer-Encoding: chunked",
        b"Transfer-Encoding: xchunked", b"Connection: close", b"Connection: Upgrade, authorization",
        b"Upgrade: websocket", b"Upgrade: h2c", b"Expect: 100-continue", b"Content-Encoding: gzip",
        b" folded: x", b"no colon", b"space : x", b"X: \xff\0", b"Sec-WebSocket-Version: 13",
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", b"X-Request-Id: \xe2\x80\xa8",
    ]
)  # fmt: skip
BODIES = st.sampled_from(
    [b"", b"{}", b"2\r\n{}\r\n0\r\n\r\n", b"zz\r\n", b"0\r\nX: y\r\n\r\n", b"[" * 99]
)
REQUEST = st.builds(
    lambda method, target, version, headers, body, end: (
        b"%b %b HTTP/%b%b%b%b%b%b"
        % (method, target, version, end, end.join(headers), end, end if headers else b"", body)
    ),
    METHODS,
    TARGETS,
    st.sampled_from([b"1.1", b"1.0", b"2.0", b"0.9"]),
    st.lists(HEADERS, max_size=5),
    BODIES,
    st.sampled_from([b"\r\n", b"\r\n", b"\n"]),
)
NUMBERS = st.integers(0, 2**53 - 1)


@given(cut=st.binary(min_size=1, max_size=1), requests=st.lists(REQUEST, max_size=3))
def test_no_request_makes_the_edge_raise_or_take_the_blame(
    cut: bytes, requests: list[bytes]
) -> None:
    edge(cut + b"".join(requests))


@given(data=st.binary(max_size=200))
def test_no_bytes_make_the_edge_raise_or_take_the_blame(data: bytes) -> None:
    edge(data)


@given(
    cuts=st.binary(min_size=2, max_size=2),
    lines=st.lists(
        st.sampled_from([b"data: a", b"data:b", b": c", b"event: d", b"", b"\xef\xbb\xbfdata: e"])
        | st.binary(max_size=6),
        max_size=12,
    ),
    end=st.sampled_from([b"\n", b"\r", b"\r\n"]),
)
@example(
    cuts=b"\x00\xbd",
    lines=[*[b"data: a"] * 3, b"data:b", b"", b"\xef\xbb\xbfdata: e"],
    end=b"\r\n",
)  # the last CR LF before the mark is cut in two
def test_events_are_the_same_however_their_stream_is_cut(
    cuts: bytes, lines: list[bytes], end: bytes
) -> None:
    sse(cuts + end.join(lines))


@given(data=st.binary(max_size=300))
def test_foreign_bytes_in_the_ledger_are_refused_as_the_codec_says(data: bytes) -> None:
    ledger_codec(data)


@given(
    ring=st.lists(NUMBERS, min_size=14, max_size=14),
    calendar=st.lists(NUMBERS, min_size=11, max_size=11),
    bucket=st.tuples(NUMBERS, NUMBERS),
)
def test_a_scope_comes_back_as_it_was_written(
    ring: list[int], calendar: list[int], bucket: StateNumbers
) -> None:
    states: dict[str, StateNumbers] = {
        "Srpm": tuple(ring), "Ctpo": CalendarState(*calendar).numbers(), "Btpm": bucket,
    }  # fmt: skip
    states["Srpm"] = (ring[0] % 2**40, *(number % 2**40 for number in ring[1:]))
    assert read_scope(write_scope(states)) == states
