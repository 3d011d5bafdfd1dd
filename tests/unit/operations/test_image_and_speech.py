"""What requests for pictures and for speech are read as, and what is refused at the edge."""

import json
from typing import Any

import pytest

from router.ask import Ask
from router.errors import BadRequest
from router.ledger.estimate import estimate_output
from router.operations.image import TOKENS_A_PICTURE, parse_generation
from router.operations.speech import parse_speech


def generation(**fields: Any) -> Ask:
    return parse_generation(json.dumps({"prompt": "A cat"} | fields).encode())


def speech(**fields: Any) -> Ask:
    body = {"model": "voice", "input": "Hällo", "voice": "alloy"} | fields
    return parse_speech(json.dumps(body).encode())


def test_every_picture_is_held_for() -> None:
    ask = generation(model="m", n=3, user="u")
    assert (ask.operation, ask.path, ask.user) == ("image", "/images/generations", "u")
    assert ask.units == (("image", 3),)
    worst = estimate_output(cap=ask.max_output_tokens, choices=ask.choices, way="worst")
    assert worst == 3 * TOKENS_A_PICTURE
    assert generation().model == "dall-e-2"
    assert generation().texts() == ["A cat"]


def test_every_character_is_held_for_and_a_sound_comes_as_a_stream() -> None:
    ask = speech(instructions="slowly")
    assert ask.units == (("character", 5),)
    assert (ask.stream, ask.protocol, ask.text_bytes) == (True, "sounds", 6 + 6)
    assert speech(stream_format="sse").protocol == "speech"
    assert sorted(ask.texts()) == ["Hällo", "slowly"]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt": None}, "prompt"),
        ({"prompt": 5}, "prompt"),
        ({"n": 0}, "n"),
        ({"n": 129}, "n"),
        ({"stream": "yes"}, "stream"),
        ({"images": 5}, "images"),
        ({"num_images": 1, "Num_outputs": 5}, "Num_outputs"),
        ({"Prompt": "twin"}, "Prompt"),
    ],
)
def test_a_wrong_field_of_a_picture_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        generation(**fields)
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": None}, "input"),
        ({"input": ["a"]}, "input"),
        ({"instructions": 5}, "instructions"),
        ({"stream_format": 5}, "stream_format"),
        ({"model": None}, "model"),
        ({"Input": "twin"}, "Input"),
    ],
)
def test_a_wrong_field_of_a_speech_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        speech(**fields)
    assert caught.value.param == param
