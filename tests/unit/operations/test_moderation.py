"""What a request for moderation is read as, and what is refused at the edge."""

import json
from typing import Any

import pytest

from router.ask import Ask
from router.errors import BadRequest
from router.operations.moderation import DEFAULT_MODEL, parse_moderation

PICTURE = {"type": "image_url", "image_url": {"url": "https://example.org/x.png"}}


def moderation(**fields: Any) -> Ask:
    return parse_moderation(json.dumps({"input": "Hello"} | fields).encode())


def test_a_request_that_names_no_model_means_openais_default() -> None:
    ask = moderation()
    assert ask.model == DEFAULT_MODEL
    _, start, end = ask.members["model"]
    assert json.loads(ask.raw[start:end]) == DEFAULT_MODEL
    assert moderation(model="mine").model == "mine"


def test_nothing_is_held_for_an_answer_and_nothing_classified() -> None:
    ask = moderation(user="u")
    assert (ask.operation, ask.path, ask.max_output_tokens) == ("moderation", "/moderations", 0)
    assert (ask.user, ask.classified, ask.units) == ("u", False, ())


def test_pictures_need_a_backend_that_sees() -> None:
    ask = moderation(input=[{"type": "text", "text": "Look"}, PICTURE])
    assert ask.features == {"vision"}
    assert (ask.images, ask.media.images, ask.text_bytes) == (1, 1, 4)
    assert not moderation(input=["a", "b"]).features


def test_every_text_is_told_to_the_detectors() -> None:
    assert moderation(input=["one", "two"]).texts() == ["one", "two"]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": None}, "input"),
        ({"input": 5}, "input"),
        ({"input": []}, "input"),
        ({"input": [1, 2]}, "input"),
        ({"input": [PICTURE, {"type": "text"}]}, "input[1]"),
        ({"input": ["x", PICTURE]}, "input[0]"),
        ({"input": [{"type": "image_url", "image_url": "x"}]}, "input[0]"),
        ({"model": 5}, "model"),
        ({"stream": True}, "stream"),
        ({"Input": "twin"}, "Input"),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        moderation(**fields)
    assert caught.value.param == param
