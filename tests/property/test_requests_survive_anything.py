"""Whatever a client sends is read or refused; what was read can be asked or is Unsupported."""

from typing import Any

import orjson
import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from policies.verifiers import VERIFIERS
from router.ask import Ask
from router.backends.backend import Backend
from router.backends.cascade.cascade import first_failure
from router.backends.dialects.table import DIALECTS
from router.backends.dialects.translated import dialect_of
from router.errors import BadRequest
from router.operations.message import parse_message_count
from router.operations.operation import Operation
from router.operations.table import OPERATIONS
from router.protocols.hub.table import CLIENTS
from router.protocols.quirks import Quirks
from router.protocols.table import PROTOCOLS
from router.protocols.unsupported import Unsupported
from router.protocols.usage import estimate_input

WORDS = """text image image_url tool_use tool_result function json_schema auto none user assistant
 system developer tool type content role name id input source url data"""
FIELD_WORDS = """type text content role name id function arguments parameters description input
 source url image_url media_type data tool_use_id json_schema schema format effort properties
 required items tool_calls tool_call_id thinking_blocks extra_content google thought_signature"""
OPTIONS = """tools tool_choice response_format stop reasoning_effort stream stream_options
 max_tokens n user temperature thinking parallel_tool_calls system stop_sequences metadata
 output_config top_p seed"""
TEXT_OPTIONS = """stream stream_options max_tokens n best_of echo suffix logprobs stop user
 dimensions encoding_format temperature seed"""
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-3, 300)
    | st.floats(-1, 2)
    | st.sampled_from(sorted(WORDS.split()))
    | st.text(max_size=4)
)
ITEM_KINDS = """message reasoning function_call function_call_output custom_tool_call
 custom_tool_call_output item_reference tool_search_call tool_search_output additional_tools
 configuration_update web_search_call image_generation_call compaction"""
ITEM_FIELDS = """id call_id name namespace arguments input output content summary tools
 encrypted_content execution status result text reasoning"""
ITEM_OPTIONS = """instructions tools tool_choice text reasoning include metadata stream store
 max_output_tokens top_logprobs truncation user previous_response_id conversation prompt background
 parallel_tool_calls stream_options moderation service_tier temperature"""
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
TEXTS = (
    st.text(max_size=5)
    | st.lists(st.text(max_size=5) | st.integers(0, 9), max_size=3)
    | st.lists(st.lists(st.integers(0, 9), max_size=2), max_size=2)
    | VALUES
)
BODY = st.fixed_dictionaries(
    {"model": st.just("m"), "messages": st.lists(MESSAGE, min_size=1, max_size=3)},
    optional=dict.fromkeys(sorted(OPTIONS.split()), VALUES),
)
ITEM = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(sorted(ITEM_KINDS.split())) | SCALARS,
        "role": st.sampled_from(["user", "assistant", "system", "developer"]),
        **dict.fromkeys(sorted(ITEM_FIELDS.split()), VALUES | st.text(max_size=5)),
    },
)
OF_ITEMS = st.fixed_dictionaries(
    {"model": st.just("m"), "input": st.lists(ITEM, max_size=3) | st.text(max_size=5)},
    optional=dict.fromkeys(sorted(ITEM_OPTIONS.split()), VALUES),
)
OF_TEXTS = st.fixed_dictionaries(
    {"model": st.just("m")},
    optional=dict.fromkeys(("input", "prompt"), TEXTS)
    | dict.fromkeys(sorted(TEXT_OPTIONS.split()), VALUES),
)
HELLO = {"role": "user", "content": "x"}
LIMIT_WORDS = """max_tokens max_completion_tokens max_output_tokens max_new_tokens n_predict
 num_predict max_tokens_to_sample max_gen_len"""
SPELLINGS = st.builds(
    lambda word, spell: spell(word),
    st.sampled_from(LIMIT_WORDS.split()),
    st.sampled_from([str, str.upper, str.title, lambda word: word.replace("_", "")]),
)
LIMITS = st.dictionaries(SPELLINGS, st.integers(1, 300), max_size=3)
HEADERS = {b"anthropic-beta": b"a", b"idempotency-key": b"\xff\n", b"openai-beta": b""}
NEEDED: dict[str, dict[str, Any]] = {
    "message": {"max_tokens": 5},
    "embedding": {"input": "x"},
    "completion": {"prompt": "x"},
    "moderation": {"input": "x"},
    "reranking": {"query": "x", "documents": ["y"]},
    "image": {"prompt": "x"},
    "speech": {"input": "x", "voice": "v"},
    "tokenization": {"prompt": "x", "tokens": [1]},
    "content": {"contents": [{"parts": [{"text": "x"}]}]},
    "response": {"input": "x"},
}
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


every = pytest.mark.parametrize("operation", OPERATIONS, ids=[row.name for row in OPERATIONS])
SPEAKERS = {
    row.name: [
        dialect
        for dialect, speaker in DIALECTS.load()
        if row.protocol in CLIENTS or row.protocol in speaker.speaks
    ]
    for row in OPERATIONS
}


def body_of(operation: Operation) -> st.SearchStrategy[dict[str, Any]]:
    """Bodies that look like the operation's."""
    if operation.protocol == "responses":
        return OF_ITEMS
    return BODY if operation.protocol in CLIENTS else OF_TEXTS


def read(operation: Operation, body: Any) -> Ask | None:
    """The ask, or None where it was refused."""
    try:
        return operation.parse(orjson.dumps(NEEDED.get(operation.name, {}) | body), HEADERS)
    except BadRequest:
        return None


def called(ask: Ask, backend: Backend) -> bytes | None:
    """The body that the backend is sent; None where it cannot be asked this."""
    try:
        dialect, _ = dialect_of(backend.dialect, ask, backend.speaks)
        call = dialect.call(backend.deployments()[0], backend, ask, "r")
    except Unsupported:
        return None
    return call.body


@every
@given(raw=st.binary(max_size=50) | VALUES.map(orjson.dumps))
def test_any_bytes_are_read_or_refused(operation: Operation, raw: bytes) -> None:
    try:
        ask = operation.parse(raw, HEADERS)
    except BadRequest as error:
        orjson.loads(operation.error_body(error))
        return
    assert ask.text_bytes >= 0


@given(raw=st.binary(max_size=50) | BODY.map(orjson.dumps))
def test_any_bytes_are_counted_or_refused(raw: bytes) -> None:
    try:
        assert estimate_input(parse_message_count(raw)) >= 0
    except BadRequest:
        return


@every
@given(data=st.data())
def test_what_was_read_can_be_asked_or_is_unsupported(
    operation: Operation, data: st.DataObject
) -> None:
    """To draw a body takes longest: each is asked of every dialect, read anew for it."""
    body = data.draw(body_of(operation))
    for dialect in SPEAKERS[operation.name]:
        note(dialect)
        ask = read(operation, body)
        if ask is None:
            return
        assert all(isinstance(text, str) for text in ask.texts())
        sent = called(ask, Backend("b", "http://x", "real", dialect=dialect, quirks=EVERY_QUIRK))
        assert sent is None or isinstance(orjson.loads(sent), dict)


@every
@given(data=st.data(), spaces=st.booleans())
def test_a_native_backend_is_sent_the_same_under_its_own_model(
    operation: Operation, data: st.DataObject, spaces: bool
) -> None:
    body = data.draw(body_of(operation))
    option = orjson.OPT_INDENT_2 if spaces else None
    raw = orjson.dumps(NEEDED.get(operation.name, {}) | body, option=option)
    try:
        ask = operation.parse(raw, HEADERS)
    except BadRequest:
        return
    protocol = operation.protocol
    native = next((name for name, row in DIALECTS.load() if protocol in row.speaks), "openai")
    backend = Backend(
        "b", "http://x", "real", native, speaks=frozenset({protocol}), shares_state=True
    )
    sent = orjson.loads(called(ask, backend) or b"")
    asked = ask.body | {"model": "real"}
    if operation.protocol == "gemini":
        del asked["model"]  # the address names it
    if ask.stream and not ask.include_usage:
        asked["stream_options"] = (asked.get("stream_options") or {}) | {"include_usage": True}
    assert sent == asked


@every
@given(extra=st.sampled_from(sorted(OPTIONS.split())), value=VALUES)
def test_a_key_that_stands_twice_is_never_relayed(
    operation: Operation, extra: str, value: Any
) -> None:
    body = {"model": "m", "messages": [HELLO]} | NEEDED.get(operation.name, {}) | {extra: value}
    twin = b',"%s":%s}' % (extra.encode(), orjson.dumps(value))
    with pytest.raises(BadRequest):
        operation.parse(orjson.dumps(body)[:-1] + twin, HEADERS)


@pytest.mark.parametrize(
    "operation",
    [row for row in OPERATIONS if row.name in ("chat", "message", "completion", "response")],
    ids=lambda row: row.name,
)
@given(limits=LIMITS, inside=st.none() | LIMITS)
def test_no_relayed_word_for_the_output_limit_says_more_than_is_held_for(
    operation: Operation, limits: dict[str, int], inside: dict[str, int] | None
) -> None:
    body: dict[str, Any] = {"model": "m", "messages": [HELLO]}
    body |= NEEDED.get(operation.name, {}) | limits
    ask = read(operation, body if inside is None else body | {"extra_body": inside})
    if ask is not None:
        assert not inside
        assert max(limits.values(), default=0) <= (ask.max_output_tokens or 0)


@given(body=BODY, text=st.text(max_size=30), calls=st.lists(st.text(max_size=5), max_size=2))
def test_every_check_judges_any_answer_to_any_request(
    body: dict[str, Any], text: str, calls: list[str]
) -> None:
    request = read(OPERATIONS[0], body)
    if request is None:
        return
    calls_made = [{"function": {"name": call, "arguments": call}} for call in calls]
    choice = {"message": {"content": text, "tool_calls": calls_made}, "finish_reason": "stop"}
    answers = PROTOCOLS["chat"].read_body(orjson.dumps({"choices": [choice]}))
    failure = first_failure(tuple(VERIFIERS), answers, request, early=False)
    assert failure is None or failure[0] in VERIFIERS
