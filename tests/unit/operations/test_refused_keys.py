"""What no operation lets through: another word for what is metered, and what the operator sets."""

import json
from typing import Any

import pytest

from router.ask import Ask
from router.errors import BadRequest
from router.operations.table import OPERATIONS

BODIES: dict[str, dict[str, Any]] = {
    "chat": {"messages": [{"role": "user", "content": "x"}], "max_tokens": 7},
    "message": {"messages": [{"role": "user", "content": "x"}], "max_tokens": 7},
    "completion": {"prompt": "x"},
    "embedding": {"input": "x"},
    "moderation": {"input": "x"},
    "reranking": {"query": "x", "documents": ["y"]},
    "image": {"prompt": "x"},
    "speech": {"input": "x", "voice": "v"},
    "tokenization": {"prompt": "x"},
    "response": {"input": "x"},
    "compaction": {"input": "x"},
    "content": {"contents": [{"parts": [{"text": "x"}]}]},
}
OF_FORMS = {"transcription"}  # see test_forms
PARSE = {row.name: row.parse for row in reversed(OPERATIONS) if row.name not in OF_FORMS}
GENERATE = ("chat", "message", "completion", "response")
LIMITS = (
    *("MAX_TOKENS", "maxTokens", "n_predict", "numPredict", "max_new_tokens"),
    *("maxOutputTokens", "max_tokens_to_sample", "max_gen_len"),
)
NUMBERS = ("N", "bestOf", "num_return_sequences", "candidateCount", "num_generations")
OPERATORS = (
    *("api_base", "base_url", "api_key", "extra_headers", "models", "fallbacks"),
    *("provider", "route", "plugins", "model_list", "baseUrl", "Models"),
)
METERED = (
    *("model", "messages", "prompt", "input", "stream", "stream_options", "n", "best_of"),
    *("max_tokens", "maxTokens", "max_completion_tokens", "n_predict", "extra_body"),
)

every = pytest.mark.parametrize("operation", BODIES)


def parse(operation: str, **fields: Any) -> Ask:
    body = {"model": "auto"} | BODIES[operation] | fields
    return PARSE[operation](json.dumps(body).encode(), {})


def refusal(operation: str, **fields: Any) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        parse(operation, **fields)
    return caught.value


def test_every_operation_is_tried_here() -> None:
    assert BODIES.keys() == PARSE.keys()


@pytest.mark.parametrize("operation", GENERATE)
@pytest.mark.parametrize("key", LIMITS)
def test_another_word_for_the_output_limit_is_refused_by_name(operation: str, key: str) -> None:
    error = refusal(operation, **{key: 90_000})
    assert (error.status, error.param) == (400, key)
    assert ("differ in spelling" in error.message) or ("mean 'max_" in error.message)


@pytest.mark.parametrize("operation", ["completion", "message", "response"])
@pytest.mark.parametrize("key", ["max_completion_tokens", "maxCompletionTokens"])
def test_the_limit_of_chats_is_refused_where_only_another_is_metered(
    operation: str, key: str
) -> None:
    error = refusal(operation, **{key: 90_000})
    assert error.param == key
    known = "max_output_tokens" if operation == "response" else "max_tokens"
    assert f"Did you mean '{known}'?" in error.message


@pytest.mark.parametrize(
    ("operation", "key"),
    [(one, "max_output_tokens") for one in ("chat", "message", "completion")]
    + [("response", "max_tokens")],
)
def test_the_limit_of_another_protocol_is_refused_by_name(operation: str, key: str) -> None:
    assert refusal(operation, **{key: 90_000}).param == key


@pytest.mark.parametrize("operation", GENERATE)
@pytest.mark.parametrize("key", NUMBERS)
def test_another_word_for_the_number_of_answers_is_refused_by_name(
    operation: str, key: str
) -> None:
    assert refusal(operation, **{key: 50}).param == key


@pytest.mark.parametrize(
    ("operation", "key"), [("chat", "best_of"), ("message", "n"), ("response", "n")]
)
def test_a_number_of_answers_that_the_protocol_does_not_know_is_refused(
    operation: str, key: str
) -> None:
    assert refusal(operation, **{key: 50}).param == key


@every
@pytest.mark.parametrize("key", OPERATORS)
@pytest.mark.parametrize("nested", [False, True], ids=["outside", "inside"])
def test_what_the_operator_sets_is_refused_by_name(operation: str, key: str, nested: bool) -> None:
    unknown = {key: ["dear"]}
    error = refusal(operation, **({"extra_body": unknown} if nested else unknown))
    assert (error.param, error.code) == (key, "parameter_not_allowed")
    assert "backends are set by the operator" in error.message


@every
@pytest.mark.parametrize("key", METERED)
def test_what_is_metered_is_refused_in_an_extra_body(operation: str, key: str) -> None:
    error = refusal(operation, extra_body={"seed": 1, key: 90_000})
    assert (error.param, error.code) == (key, "parameter_not_allowed")
    assert "extra_body" in error.message


@every
def test_another_spelling_of_the_extra_body_is_refused(operation: str) -> None:
    assert refusal(operation, extraBody={"max_tokens": 90_000}).param == "extraBody"


@every
@pytest.mark.parametrize("extra", [{"google": {"thinking_config": {}}}, {}, None, "x", [1]])
def test_all_else_in_an_extra_body_goes_through(operation: str, extra: Any) -> None:
    assert parse(operation, extra_body=extra).body["extra_body"] == extra


@every
def test_an_extra_body_of_very_many_keys_is_refused(operation: str) -> None:
    many = {f"k{number}": 1 for number in range(1_025)}
    assert refusal(operation, extra_body=many).param == "extra_body"


@every
def test_keys_that_nothing_here_resembles_go_through(operation: str) -> None:
    fields = {"top_a": 1, "min_tokens": 2, "transforms": [], "generationConfig": {"topK": 1}}
    assert parse(operation, **fields).body.items() >= fields.items()
