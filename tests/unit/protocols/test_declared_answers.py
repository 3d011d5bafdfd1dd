"""Answers of declared operations pass as they came; tokens are read where the operator says."""

from router.ask import Ask
from router.domain import Usage
from router.operations.plain import PLAIN_ASK
from router.protocols.declared import (
    LARGEST_READ,
    DeclaredPassage,
    DeclaredStream,
    Sending,
    TokenPointers,
)

USED = TokenPointers(("usage", "in"), ("usage", "out"))
ONE = (("request", 1),)


def ask(tokens: TokenPointers | None = USED) -> Ask:
    return PLAIN_ASK._replace(
        text_bytes=40, units=ONE, declared=Sending("POST", "/x", tokens=tokens)
    )


def whole(raw: bytes, tokens: TokenPointers | None = USED) -> Usage:
    reply = DeclaredPassage().reply(raw, ask(tokens))
    assert reply.body == raw
    return reply.usage


def streamed(*pieces: bytes, tokens: TokenPointers | None = USED) -> Usage | None:
    stream = DeclaredStream(ask(tokens))
    assert b"".join([*map(stream.feed, pieces), stream.finish()]) == b"".join(pieces)
    assert stream.finished
    return stream.usage


def test_an_answer_that_is_not_read_costs_its_units_alone() -> None:
    assert whole(b"\xff", None) == Usage(units=ONE)
    assert streamed(b"{", b"", b"\xff", tokens=None) == Usage(units=ONE)


def test_tokens_are_read_where_the_operator_says() -> None:
    assert whole(b'{"usage":{"in":5,"out":2}}') == Usage(5, 2, units=ONE)
    second = TokenPointers(("steps", "1", "used"))
    assert whole(b'{"steps":[{"used":1},{"used":7}]}', second) == Usage(7, 0, units=ONE)
    assert whole(b"8", TokenPointers(())) == Usage(8, 0, units=ONE)


def test_an_answer_that_tells_none_is_counted_by_the_gateway() -> None:
    counted = Usage(10, 0, estimated=True, units=ONE)
    for raw in (b"", b"no JSON", b"[]", b'{"usage":{"in":-1}}', b'{"usage":{"in":"5"}}'):
        assert whole(raw) == counted
    assert streamed(b"data: x\n\n") == counted


def test_tokens_of_a_streamed_object_are_read_at_its_end() -> None:
    assert streamed(b'{"usage":', b'{"in":5,', b'"out":2}}') == Usage(5, 2, units=ONE)


def test_of_the_events_of_a_stream_the_last_counts_come_to_count() -> None:
    told = [b'data: {"usage":{"in":5,"out":1}}\n\nda', b'ta: {"usage":{"out":2}}\r\n\r\n', b": x"]
    assert streamed(*told) == Usage(5, 2, units=ONE)
    assert streamed(b'data: {"usage":{"in":3}}\n') == Usage(3, 0, units=ONE)


def test_what_is_too_large_to_be_read_passes_all_the_same() -> None:
    counted = Usage(10, 0, estimated=True, units=ONE)
    assert streamed(b"{", b" " * LARGEST_READ, b'"usage":{"in":1}}') == counted
    assert streamed(b"data: ", b"x" * LARGEST_READ, b'\n\ndata: {"usage":{"in":1}}\n\n') == counted
