"""What a request for embeddings is read as, and what is refused at the edge."""

import json
from typing import Any

import pytest

from router.ask import Ask
from router.errors import BadRequest
from router.ledger.estimate import estimate_output, estimate_tokens
from router.operations.embedding import parse_embedding


def embedding(**fields: Any) -> Ask:
    return parse_embedding(json.dumps({"model": "vectors", "input": "Hello"} | fields).encode())


def test_there_is_no_output_to_hold_for_and_no_prompt_to_classify() -> None:
    ask = embedding(user="u1", dimensions=4)
    assert (ask.operation, ask.protocol, ask.path) == ("embedding", "openai", "/embeddings")
    assert (ask.model, ask.user, ask.max_output_tokens, ask.choices) == ("vectors", "u1", 0, 1)
    assert not ask.classified
    assert not ask.features
    assert estimate_output(cap=ask.max_output_tokens, way="worst") == 0


@pytest.mark.parametrize(
    ("given", "most_tokens"),
    [
        ("x" * 300, 100),
        (["x" * 30] * 10, 100 + 9 * 3),
        (["a"] * 1000, 3331),  # each is a token at least, and framed
        ([1, 2, 3], 3),
        ([[1, 2, 3], [4]], 7),
        ("où 你", 3),
    ],
)
def test_the_estimate_covers_every_input(given: Any, most_tokens: int) -> None:
    around = estimate_tokens(0)
    assert estimate_tokens(embedding(input=given).text_bytes) - around == pytest.approx(
        most_tokens, abs=1
    )


def test_texts_are_told_to_the_detectors() -> None:
    assert embedding(input=["one", "two"], user="u").texts() == ["one", "two"]
    assert set(embedding(input="one", made_up="three").texts()) == {"one", "three"}


def test_tokens_are_a_text_that_nobody_here_can_read() -> None:
    assert embedding(input=[1, 2]).features == {"tokens"}
    assert embedding(input=[[1], [2]]).features == {"tokens"}


def test_unknown_fields_are_kept() -> None:
    assert b'"made_up": [1]' in embedding(made_up=[1]).raw


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": None}, "input"),
        ({"input": []}, "input"),
        ({"input": 5}, "input"),
        ({"input": ["a", 1]}, "input"),
        ({"input": [[]]}, "input"),
        ({"input": [[1, "a"]]}, "input"),
        ({"input": [True]}, "input"),
        ({"input": [{"type": "text"}]}, "input"),
        ({"dimensions": 0}, "dimensions"),
        ({"dimensions": "many"}, "dimensions"),
        ({"encoding_format": 1}, "encoding_format"),
        ({"stream": True}, "stream"),
        ({"user": 1}, "user"),
        ({"model": ""}, "model"),
        ({"api_base": "http://x"}, "api_base"),
        ({"Input": "twin"}, "Input"),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        embedding(**fields)
    assert caught.value.param == param
