"""Whatever a client sends is read or refused; what was read can be asked or is Unsupported."""

from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from router.ask import Ask
from router.backends.backend import Backend
from router.backends.cascade.cascade import first_failure
from router.backends.cascade.verifiers import VERIFIERS
from router.backends.dialects.table import DIALECTS
from router.backends.dialects.translated import dialect_of
from router.errors import BadRequest
from router.operations.chat import parse_chat
from router.operations.message import count_tokens, parse_message
from router.protocols.quirks import Quirks
from router.protocols.table import PROTOCOLS
from router.protocols.unsupported import Unsupported

WORDS = """text image image_url tool_use tool_result function json_schema auto none user assistant
 system developer tool type content role name id input source url data"""
FIELD_WORDS = """type text content role name id function arguments parameters description input
 source url image_url media_type data tool_use_id json_schema schema format effort properties
 required items tool_calls tool_call_id thinking_blocks extra_content google thought_signature"""
OPTIONS = """tools tool_choice response_format stop reasoning_effort stream stream_options
 max_tokens n user temperature thinking parallel_tool_calls system stop_sequences metadata
 output_config top_p seed"""
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-3, 300)
    | st.floats(-1, 2)
    | st.sampled_from(sorted(WORDS.split()))
    | st.text(max_size=4)
)
FIELDS = st.sampled_from(sorted(FIELD_WORDS.split()))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=4),
    max_leaves=6,
)
MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "system", "tool", "developer"])},
    optional={
        "content": VALUES | st.text(max_size=5),
        "tool_calls": VALUES,
        "tool_call_id": VALUES,
        "thinking_blocks": VALUES,
        "name": VALUES,
    },
)
BODY = st.fixed_dictionaries(
    {"model": st.just("m"), "messages": st.lists(MESSAGE, min_size=1, max_size=3)},
    optional=dict.fromkeys(sorted(OPTIONS.split()), VALUES),
)
SURVIVE = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
EVERY_QUIRK = Quirks(
    token_param="max_tokens",
    rename={"seed": "random_seed"},
    values={"tool_choice": {"required": "any"}},
    message_drop=frozenset({"name"}),
    developer_role=False,
    plain_content=True,
    short_call_ids=True,
    stream_options=False,
)


def read(body: Any, native: bool) -> Ask | None:
    raw = orjson.dumps(body | {"max_tokens": 5} if native else body)
    try:
        return parse_message(raw) if native else parse_chat(raw)
    except BadRequest:
        return None


@pytest.mark.parametrize("native", [False, True], ids=["chat", "messages"])
@SURVIVE
@given(raw=st.binary(max_size=50) | VALUES.map(orjson.dumps))
def test_any_bytes_are_read_or_refused(native: bool, raw: bytes) -> None:
    try:
        request = (parse_message if native else parse_chat)(raw)
        assert b"input_tokens" in count_tokens(raw)
        assert request.text_bytes >= 0
    except BadRequest:
        return


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
@pytest.mark.parametrize("native", [False, True], ids=["chat", "messages"])
@SURVIVE
@given(body=BODY)
def test_what_was_read_can_be_asked_or_is_unsupported(
    dialect: str, native: bool, body: dict[str, Any]
) -> None:
    request = read(body, native)
    if request is None:
        return
    backend = Backend("b", "http://x", "real", dialect=dialect, quirks=EVERY_QUIRK)
    try:
        call = dialect_of(dialect, request)[0].call(backend.deployments()[0], backend, request, "r")
    except Unsupported:
        return
    assert isinstance(orjson.loads(call.body), dict)


@SURVIVE
@given(body=BODY, text=st.text(max_size=30), calls=st.lists(st.text(max_size=5), max_size=2))
def test_every_check_judges_any_answer_to_any_request(
    body: dict[str, Any], text: str, calls: list[str]
) -> None:
    request = read(body, native=False)
    if request is None:
        return
    called = [{"function": {"name": call, "arguments": call}} for call in calls]
    choice = {"message": {"content": text, "tool_calls": called}, "finish_reason": "stop"}
    answers = PROTOCOLS["chat"].read_body(orjson.dumps({"choices": [choice]}))
    failure = first_failure(tuple(VERIFIERS), answers, request, early=False)
    assert failure is None or failure[0] in VERIFIERS
