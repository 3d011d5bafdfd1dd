"""Pictures, sounds and transcripts in passing: nothing is changed, and what was used is read."""

from typing import Any

import httpx
import orjson
import pytest
from media_files import wav

from router.ask import Ask
from router.domain import Usage
from router.operations.image import parse_generation
from router.operations.speech import parse_speech
from router.operations.transcription import parse_transcription
from router.protocols.passage import ErrorInside, MalformedReply
from router.protocols.sse import encode
from router.protocols.table import PROTOCOLS


def pictures(**fields: Any) -> Ask:
    return parse_generation(orjson.dumps({"model": "m", "prompt": "p"} | fields))


def speech(**fields: Any) -> Ask:
    return parse_speech(orjson.dumps({"model": "m", "input": "Hello", "voice": "v"} | fields))


def transcription(sound: bytes = wav(3), **fields: str) -> Ask:
    request = httpx.Request(
        "POST", "http://x", data={"model": "m"} | fields, files={"file": ("x", sound)}
    )
    kind = request.headers["content-type"].encode()
    return parse_transcription(request.read(), {b"content-type": kind})


def used(ask: Ask, raw: bytes) -> Usage:
    reply = PROTOCOLS[ask.protocol].passage.reply(raw, ask)
    assert reply.body.strip() == raw.strip()
    return reply.usage


def streamed(ask: Ask, *events: Any, pieces: int = 7) -> tuple[bytes, Any]:
    stream = PROTOCOLS[ask.protocol].passage.stream(ask)
    data = b"".join(encode(orjson.dumps(event)) for event in events)
    out = b"".join(stream.feed(data[at : at + pieces]) for at in range(0, len(data), pieces))
    assert out == data
    return out + stream.finish(), stream


def test_the_pictures_that_came_are_counted() -> None:
    assert used(pictures(n=3), b'{"data":[{},{}]}') == Usage(units=(("image", 2),))
    told = b'{"data":[{}],"usage":{"input_tokens":5,"output_tokens":272,"total_tokens":277}}'
    assert used(pictures(), told) == Usage(5, 272, units=(("image", 1),))


def test_tokens_that_cannot_be_true_are_not_counted_and_take_no_others_with_them() -> None:
    told = b'{"data":[{}],"usage":{"input_tokens":5,"output_tokens":99999,"total_tokens":100004}}'
    assert used(pictures(), told) == Usage(5, estimated=True, units=(("image", 1),))


def test_every_picture_of_a_stream_is_counted() -> None:
    usage = {"input_tokens": 5, "output_tokens": 100, "total_tokens": 105}
    done = {"type": "image_generation.completed", "b64_json": "x", "usage": usage}
    partial = {"type": "image_generation.partial_image", "b64_json": "x" * 5_000_000}
    _, stream = streamed(pictures(n=2, stream=True), partial, done, done, pieces=1_000_000)
    assert stream.usage == Usage(10, 200, units=(("image", 2),))
    assert stream.finished


def test_a_part_of_a_picture_is_content_and_no_end() -> None:
    stream = PROTOCOLS["pictures"].passage.stream(pictures(stream=True))
    stream.feed(b": ping\n\n")
    assert not stream.has_content
    stream.feed(encode(b'{"type":"image_generation.partial_image","b64_json":"x"}'))
    assert stream.has_content
    with pytest.raises(MalformedReply):
        stream.finish()


def test_an_error_in_a_stream_is_one() -> None:
    stream = PROTOCOLS["pictures"].passage.stream(pictures(stream=True))
    with pytest.raises(ErrorInside):
        stream.feed(encode(b'{"type":"error","error":{"message":"no"}}'))


def test_the_bytes_of_a_sound_go_through() -> None:
    ask = speech()
    stream = PROTOCOLS[ask.protocol].passage.stream(ask)
    assert stream.feed(b"\n\n\xff") == b"\n\n\xff"
    assert (stream.has_content, stream.usage) == (True, None)
    assert stream.finish() == stream.cut("r", "m", "why") == b""
    assert stream.usage == Usage(units=(("character", 5),))


def test_a_sound_has_no_event_that_could_be_written_while_it_is_awaited() -> None:
    assert PROTOCOLS["sounds"].keepalive == b""
    assert PROTOCOLS["speech"].keepalive.startswith(b":")


def test_an_empty_sound_is_none() -> None:
    ask = speech()
    with pytest.raises(MalformedReply):
        PROTOCOLS[ask.protocol].passage.stream(ask).finish()


def test_tokens_of_a_speech_are_told_at_its_end() -> None:
    usage = {"input_tokens": 2, "output_tokens": 90, "total_tokens": 92}
    _, stream = streamed(
        speech(stream_format="sse"),
        {"type": "speech.audio.delta", "audio": "x"},
        {"type": "speech.audio.done", "usage": usage},
    )
    assert stream.usage == Usage(2, 90, units=(("character", 5),))


@pytest.mark.parametrize("name", ["sounds", "speech"])
@pytest.mark.parametrize("raw", [b"", b"{}", b"RIFF"])
def test_json_in_the_place_of_a_sound_is_refused(name: str, raw: bytes) -> None:
    with pytest.raises(MalformedReply):
        PROTOCOLS[name].passage.reply(raw, speech())
    with pytest.raises(ErrorInside):
        PROTOCOLS[name].passage.reply(b'{"error":"no"}', speech())


@pytest.mark.parametrize(
    ("told", "usage"),
    [
        ({"usage": {"type": "tokens", "input_tokens": 30, "output_tokens": 5}}, Usage(30, 5)),
        ({"usage": {"type": "duration", "seconds": 3}}, Usage(units=(("second", 3),))),
        ({"duration": 2.1}, Usage(units=(("second", 3),))),
        ({"duration": "2.1"}, Usage(units=(("second", 3),))),
        ({"duration": "long"}, Usage(units=(("second", 3),))),
        ({"duration": -1}, Usage(units=(("second", 3),))),
        ({}, Usage(units=(("second", 3),))),
    ],
)
def test_tokens_or_seconds_are_what_the_answer_tells(told: dict[str, Any], usage: Usage) -> None:
    assert used(transcription(), orjson.dumps({"text": "x"} | told)) == usage


def test_a_length_that_nobody_told_is_marked_as_estimated() -> None:
    guessed = transcription(b"OggS" * 1000)
    assert used(guessed, b'{"text":"x"}') == Usage(units=(("second", 4),), estimated=True)


@pytest.mark.parametrize("form", ["text", "srt", "vtt"])
def test_plain_text_goes_through_as_it_came(form: str) -> None:
    ask = transcription(response_format=form)
    raw = b"1\r\n00:00 --> 00:01\r\n{braces}\n"
    assert PROTOCOLS["transcripts"].passage.reply(raw, ask).body == raw
    assert used(ask, b"{braces") == Usage(units=(("second", 3),))
    with pytest.raises(ErrorInside):
        used(ask, b'{"error":{"message":"no"}}')


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b'{"text":5}', b"<html>"])
def test_what_is_no_transcript_is_refused(raw: bytes) -> None:
    with pytest.raises(MalformedReply):
        used(transcription(), raw)


def test_a_streamed_transcript_tells_what_it_used_at_its_end() -> None:
    _, stream = streamed(
        transcription(stream="true"),
        {"type": "transcript.text.delta", "delta": "x"},
        {"type": "transcript.text.done", "text": "x", "usage": {"type": "duration", "seconds": 3}},
    )
    assert stream.usage == Usage(units=(("second", 3),))
