"""Whatever a backend sends, a dialect answers with bytes or with one of its two exceptions."""

from collections.abc import Callable
from typing import Any

import orjson
from hypothesis import given, note
from hypothesis import strategies as st

from router.backends.dialects.table import DIALECTS
from router.backends.dialects.translated import dialect_of
from router.operations.chat import parse_chat
from router.operations.message import parse_message
from router.operations.response import parse_response
from router.protocols.passage import ErrorInside, MalformedReply
from router.protocols.sse import encode

STREAMED = parse_chat(b'{"model":"a","stream":true,"messages":[{"role":"user","content":"x"}]}')
MESSAGE = parse_message(
    b'{"model":"a","stream":true,"max_tokens":9,"messages":[{"role":"user","content":"x"}]}'
)
RESPONSE = parse_response(b'{"model":"a","stream":true,"input":"x"}')
STOP = b'data: {"type":"message_stop"}\n\n'
WORDS = """choices delta message content text tool_calls function arguments name index
 finish_reason usage prompt_tokens completion_tokens error code base_resp status_code object model
 id type content_block message_start content_block_delta message_delta message_stop stop_reason
 candidates parts functionCall args finishReason usageMetadata promptTokenCount promptFeedback
 blockReason thought modelVersion logprobs x_groq role thinking partial_json response output item
 output_index content_index part status response.created response.output_item.added
 response.output_item.done response.output_text.delta response.completed response.failed"""
KEYS = st.sampled_from(sorted(WORDS.split()))
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 2**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | KEYS
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=8,
)
BODIES = st.dictionaries(KEYS, VALUES, max_size=4)


def of_every_dialect(promise: Callable[..., None]) -> Callable[..., None]:
    """To draw what a backend sends takes longest: each is given to every dialect."""

    def test(**sent: Any) -> None:
        for dialect in sorted(DIALECTS):
            note(dialect)
            promise(dialect, **sent)

    test.__name__ = test.__qualname__ = promise.__name__
    return test


@given(body=BODIES | VALUES)
@of_every_dialect
def test_a_whole_answer_of_any_shape(dialect: str, body: Any) -> None:
    try:
        reply = dialect_of(dialect, STREAMED)[1].reply(orjson.dumps(body), STREAMED)
    except (MalformedReply, ErrorInside):
        return
    assert isinstance(orjson.loads(reply.body), dict)
    assert reply.usage.input_tokens >= 0
    assert reply.usage.output_tokens >= 0


@given(items=st.lists(BODIES | VALUES, max_size=4), junk=st.binary(max_size=20))
@of_every_dialect
def test_a_stream_of_events_of_any_shape(dialect: str, items: list[Any], junk: bytes) -> None:
    translator = dialect_of(dialect, STREAMED)[1].stream(STREAMED)
    try:
        for item in items:
            translator.feed(encode(orjson.dumps(item)))
        translator.feed(junk)
        translator.finish()
    except (MalformedReply, ErrorInside):
        return
    assert translator.finished


@given(raw=st.binary(max_size=60) | (BODIES | VALUES).map(orjson.dumps))
@of_every_dialect
def test_an_error_of_any_shape(dialect: str, raw: bytes) -> None:
    failure = DIALECTS[dialect].failure(500, raw)
    assert isinstance(failure.message, str)
    assert all(isinstance(reason, str) for reason in failure.reasons)
    assert failure.wait is None or failure.wait >= 0


@given(body=BODIES)
@of_every_dialect
def test_a_whole_answer_of_any_shape_is_a_message(dialect: str, body: Any) -> None:
    try:
        reply = dialect_of(dialect, MESSAGE)[1].reply(orjson.dumps(body), MESSAGE)
    except (MalformedReply, ErrorInside):
        return
    assert isinstance(orjson.loads(reply.body)["content"], list)


@given(items=st.lists(BODIES, max_size=4), junk=st.binary(max_size=20))
@of_every_dialect
def test_a_stream_of_events_of_any_shape_is_a_response(
    dialect: str, items: list[Any], junk: bytes
) -> None:
    stream = dialect_of(dialect, RESPONSE)[1].stream(RESPONSE)
    try:
        blocks = [stream.feed(encode(orjson.dumps(item))) for item in items]
        blocks += [stream.feed(junk), stream.finish()]
    except (MalformedReply, ErrorInside):
        assert b"response.incomplete" in stream.cut("r", "m", "why")
        return
    assert stream.finished


@given(items=st.lists(BODIES, max_size=4), junk=st.binary(max_size=20))
@of_every_dialect
def test_a_stream_of_events_of_any_shape_is_a_message(
    dialect: str, items: list[Any], junk: bytes
) -> None:
    stream = dialect_of(dialect, MESSAGE)[1].stream(MESSAGE)
    try:
        blocks = [stream.feed(encode(orjson.dumps(item))) for item in items]
        blocks += [stream.feed(junk), stream.finish()]
    except (MalformedReply, ErrorInside):
        assert stream.cut("r", "m", "why").endswith(STOP)
        return
    assert b"".join(blocks).rstrip().endswith(STOP.rstrip())
    assert stream.finished
