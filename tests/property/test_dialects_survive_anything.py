"""Whatever a backend sends, a dialect answers with bytes or with one of its two exceptions."""

from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from router.backends.dialects.base import ErrorInside, MalformedReply
from router.backends.dialects.table import DIALECTS
from router.protocols.anthropic_reply import MessageStream, encode_message
from router.protocols.chat import parse_chat
from router.protocols.sse import encode

STREAMED = parse_chat(b'{"model":"a","stream":true,"messages":[{"role":"user","content":"x"}]}')
WORDS = """choices delta message content text tool_calls function arguments name index
 finish_reason usage prompt_tokens completion_tokens error code base_resp status_code object model
 id type content_block message_start content_block_delta message_delta message_stop stop_reason
 candidates parts functionCall args finishReason usageMetadata promptTokenCount promptFeedback
 blockReason thought modelVersion logprobs x_groq role thinking partial_json"""
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
SURVIVE = settings(max_examples=80, suppress_health_check=[HealthCheck.too_slow], deadline=None)


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
@SURVIVE
@given(body=BODIES | VALUES)
def test_a_whole_answer_of_any_shape(dialect: str, body: Any) -> None:
    try:
        reply = DIALECTS[dialect].reply(orjson.dumps(body), STREAMED)
    except (MalformedReply, ErrorInside):
        return
    assert isinstance(orjson.loads(reply.body), dict)
    assert reply.usage.input_tokens >= 0
    assert reply.usage.output_tokens >= 0


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
@SURVIVE
@given(told=st.lists(BODIES | VALUES, max_size=4), junk=st.binary(max_size=20))
def test_a_stream_of_events_of_any_shape(dialect: str, told: list[Any], junk: bytes) -> None:
    translator = DIALECTS[dialect].translator(STREAMED)
    try:
        for item in told:
            translator.feed(encode(orjson.dumps(item)))
        translator.feed(junk)
        translator.finish()
    except (MalformedReply, ErrorInside):
        return
    assert translator.finished


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
@SURVIVE
@given(raw=st.binary(max_size=60) | (BODIES | VALUES).map(orjson.dumps))
def test_an_error_of_any_shape(dialect: str, raw: bytes) -> None:
    failure = DIALECTS[dialect].failure(500, raw)
    assert isinstance(failure.message, str)
    assert failure.message


@SURVIVE
@given(body=BODIES)
def test_what_a_dialect_lets_through_can_be_encoded_for_anthropics_clients(body: Any) -> None:
    try:
        reply = DIALECTS["openai"].reply(orjson.dumps(body), STREAMED)
    except (MalformedReply, ErrorInside):
        return
    assert orjson.loads(encode_message(reply.body, STREAMED))["type"] == "message"


@SURVIVE
@given(told=st.lists(BODIES, max_size=4))
def test_what_a_dialect_relays_can_be_encoded_for_anthropics_clients(told: list[Any]) -> None:
    translator = DIALECTS["openai"].translator(STREAMED)
    encoder = MessageStream(STREAMED)
    try:
        blocks = [translator.feed(encode(orjson.dumps(item))) for item in told]
    except (MalformedReply, ErrorInside):
        return
    for block in blocks:
        encoder.feed(block)
    assert encoder.finish().endswith(b'data: {"type":"message_stop"}\n\n')
