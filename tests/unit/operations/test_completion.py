"""What a request for completions is read as, and what is refused at the edge."""

import json
from typing import Any

import orjson
import pytest

from router.ask import Ask
from router.errors import BadRequest
from router.ledger.estimate import estimate_output
from router.operations.completion import parse_completion


def completion(**fields: Any) -> Ask:
    return parse_completion(json.dumps({"model": "auto", "prompt": "Once"} | fields).encode())


def test_the_facts_of_a_request_are_read() -> None:
    ask = completion(user="u1", max_tokens=7, stream=True, stream_options={"include_usage": True})
    assert (ask.operation, ask.protocol, ask.path) == ("completion", "openai", "/completions")
    assert (ask.user, ask.max_output_tokens, ask.stream) == ("u1", 7, True)
    assert ask.include_usage
    assert ask.classified
    assert [(turn.role, turn.text) for turn in ask.prompt.turns] == [("user", "Once")]


@pytest.mark.parametrize("fields", [{}, {"max_tokens": None}])
def test_a_request_without_a_limit_is_sent_with_the_one_that_is_held_for(
    fields: dict[str, Any],
) -> None:
    ask = completion(**fields)
    assert ask.max_output_tokens == ask.body["max_tokens"] == 16
    assert orjson.loads(ask.raw) == ask.body
    assert ask.raw[ask.members["max_tokens"][1] : ask.members["max_tokens"][2]] == b"16"


@pytest.mark.parametrize(
    ("fields", "choices"),
    [
        ({}, 1),
        ({"n": 3}, 3),
        ({"n": 2, "best_of": 5}, 5),
        ({"prompt": ["a", "b"], "n": 3}, 6),
        ({"prompt": [[1, 2], [3]], "best_of": 4}, 8),
        ({"prompt": [1, 2, 3]}, 1),
        ({"prompt": None}, 1),
    ],
)
def test_every_answer_that_is_generated_is_held_for(fields: dict[str, Any], choices: int) -> None:
    ask = completion(max_tokens=10, **fields)
    assert ask.choices == choices
    assert estimate_output(cap=ask.max_output_tokens, choices=choices, way="worst") == 10 * choices


def test_the_suffix_is_read_by_the_model_too() -> None:
    assert completion(suffix="x" * 30).text_bytes == len("Once") + 30


def test_nothing_may_be_generated_where_a_prompt_is_only_scored() -> None:
    assert completion(max_tokens=0, echo=True, logprobs=1).max_output_tokens == 0


def test_tokens_are_a_text_that_nobody_here_can_read() -> None:
    assert completion(prompt=[1, 2]).features == {"tokens"}
    assert completion(logprobs=5).features == {"logprobs"}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt": 5}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"suffix": 1}, "suffix"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"n": 0}, "n"),
        ({"n": 129}, "n"),
        ({"best_of": True}, "best_of"),
        ({"echo": "yes"}, "echo"),
        ({"stream": 1}, "stream"),
        ({"stream_options": []}, "stream_options"),
        ({"stop": [1]}, "stop"),
        ({"bestOf": 100}, "bestOf"),
        ({"base_url": "http://x"}, "base_url"),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        completion(**fields)
    assert caught.value.param == param
