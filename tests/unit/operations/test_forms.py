"""What pictures and sounds in forms are read as, and what of a form is refused at the edge."""

from typing import Any

import httpx
import orjson
import pytest
from media_files import png, wav

from router.ask import Ask
from router.backends.backend import Backend
from router.backends.dialects.openai import OpenAI
from router.errors import BadRequest
from router.operations.image import parse_edit, parse_variation
from router.operations.transcription import parse_transcription, parse_translation
from router.protocols.quirks import Quirks

SOUND = ("file", ("x.wav", wav(3), "audio/wav"))
PICTURE = ("image[]", ("x.png", png(1000, 750), "image/png"))


def parsed(parse: Any, parts: list[Any], **headers: str) -> Ask:
    request = httpx.Request("POST", "http://x", files=parts)
    sent = {name.replace("_", "-").encode(): text.encode() for name, text in headers.items()}
    return parse(request.read(), sent | {b"content-type": request.headers["content-type"].encode()})


def field(name: str, text: str) -> tuple[str, tuple[None, str]]:
    return name, (None, text)


def transcription(*parts: Any, **headers: str) -> Ask:
    return parsed(parse_transcription, [field("model", "w"), SOUND, *parts], **headers)


def edit(*parts: Any) -> Ask:
    return parsed(parse_edit, [field("model", "m"), field("prompt", "A hat"), PICTURE, *parts])


def test_seconds_are_held_for_and_the_sound_is_measured() -> None:
    ask = transcription(field("prompt", "Ödön"), field("user", "u"))
    assert (ask.operation, ask.protocol, ask.path) == (
        *("transcription", "transcripts"),
        "/audio/transcriptions",
    )
    assert (ask.model, ask.user, ask.stream, ask.form) == ("w", "u", False, True)
    assert ask.units == (("second", 3),)
    assert (ask.media.audio, ask.media.audio_seconds, ask.media.seconds_guessed) == (1, 3, False)
    assert ask.text_bytes == len("Ödön".encode())
    assert parsed(parse_translation, [field("model", "w"), SOUND]).path == "/audio/translations"


def test_a_sound_that_tells_no_length_is_held_for_from_above() -> None:
    ask = parsed(parse_transcription, [field("model", "w"), ("file", ("x.ogg", b"OggS" * 1000))])
    assert ask.units == (("second", 4),)
    assert ask.media.seconds_guessed


def test_a_prompt_is_told_to_the_detectors_and_a_sound_is_not() -> None:
    ask = transcription(field("prompt", "one"), field("made_up", "two"))
    assert sorted(ask.texts()) == ["one", "two"]


def test_pictures_are_counted_and_measured() -> None:
    ask = edit(field("n", "2"), field("stream", "true"))
    assert ask.units == (("image", 2),)
    assert (ask.choices, ask.stream, ask.images) == (2, True, 1)
    assert ask.media.pixels == 750_000
    assert parsed(parse_variation, [("image", PICTURE[1])]).model == "dall-e-2"


def test_a_json_edit_names_its_pictures() -> None:
    body = {"model": "m", "prompt": "A hat", "images": [{"image_url": "https://x/y.png"}]}
    ask = parse_edit(orjson.dumps(body), {})
    assert (ask.form, ask.images, ask.units) == (False, 1, (("image", 1),))


def sent(ask: Ask, **quirks: Any) -> tuple[bytes, dict[str, str]]:
    backend = Backend("b", "http://x/v1", "the-real", quirks=Quirks(**quirks))
    call = OpenAI().call(backend.deployments()[0], backend, ask, "r")
    return call.body, {name.lower(): text for name, text in (*call.target.headers, *call.headers)}


@pytest.mark.parametrize("quirks", [{}, {"drop": frozenset({"user"}), "extra": {"a": 1}}])
def test_a_form_goes_on_as_it_came_under_another_model(quirks: dict[str, Any]) -> None:
    ask = transcription(field("user", "u"))
    body, headers = sent(ask, **quirks)
    _, start, end = ask.members["model"]
    assert body == ask.raw[:start] + b"the-real" + ask.raw[end:]
    assert headers["content-type"].startswith('multipart/form-data; boundary="')


def test_a_json_edit_goes_on_as_json() -> None:
    body = {"model": "m", "prompt": "A hat", "images": [{"file_id": "f"}]}
    told, headers = sent(parse_edit(orjson.dumps(body), {b"content-type": b"application/json"}))
    assert orjson.loads(told) == body | {"model": "the-real"}
    assert headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("parts", "param"),
    [
        ([field("Model", "dear")], "Model"),
        ([field("model[]", "dear")], "model[]"),
        ([field("model[0]", "dear")], "model[0]"),
        ([field("MODEL[]", "dear")], "MODEL"),
        ([("prompt", ("x.txt", b"p"))], "prompt"),
        ([field("stream", "maybe")], "stream"),
        ([field("api_base", "http://x")], "api_base"),
        ([field("fallbacks[]", "dear")], "fallbacks"),
        ([field("extra_body[model]", "dear")], "extra_body[model]"),
    ],
)
def test_a_field_that_could_be_read_in_two_ways_is_named(parts: list[Any], param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        transcription(*parts)
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("parts", "param"),
    [
        ([field("n", "0")], "n"),
        ([field("n", "1.5")], "n"),
        ([field("n", "9" * 20)], "n"),
        ([field("num_outputs", "9")], "num_outputs"),
        ([field("N", "9")], "N"),
    ],
)
def test_a_wrong_number_of_pictures_is_named(parts: list[Any], param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        edit(*parts)
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("parse", "parts", "param"),
    [
        (parse_transcription, [field("model", "w")], "file"),
        (parse_transcription, [field("model", "w"), field("file", "text")], "file"),
        (parse_transcription, [SOUND], "model"),
        (parse_edit, [field("model", "m"), PICTURE], "prompt"),
        (parse_edit, [field("model", "m"), field("prompt", "p")], "image"),
        (parse_variation, [field("model", "m")], "image"),
    ],
)
def test_what_is_missing_is_named(parse: Any, parts: list[Any], param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parsed(parse, parts)
    assert caught.value.param == param
