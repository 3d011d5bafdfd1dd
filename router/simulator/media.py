"""What the simulator makes of pictures and sounds: tiny files with true headers, and labelled."""

import base64
import struct
import zlib
from typing import Any, Final

import orjson

from router.protocols.media import sounds
from router.protocols.sse import encode
from router.simulator.exchange import SimulatedExchange
from router.simulator.faults import Fault

_MARKED: Final = (("x-simulated", "true"),)
_SAID: Final = "[simulated: nobody listened to this]"
_TYPES: Final = {"mp3": "audio/mpeg", "wav": "audio/wav", "pcm": "audio/pcm"}
_PIECE: Final = 4_096  # bytes of a sound


async def draw(
    body: dict[str, Any], head: dict[str, Any], _: Fault, exchange: SimulatedExchange
) -> None:
    """Answer POST /images/...: `n` pictures; a model named gpt-image tells its tokens."""
    number = int(body.get("n") or 1)
    picture = base64.b64encode(_png()).decode()
    usage = _picture_tokens(number) if "gpt-image" in head["model"] else None
    if str(body.get("stream")).lower() == "true":
        await _stream_pictures(picture, number, exchange)
        return
    address = {"url": "https://simulated.invalid/x.png"}
    one = address if body.get("response_format") == "url" else {"b64_json": picture}
    answer = {"created": head["created"], "data": [one] * number}
    await exchange.reply(200, answer | ({} if usage is None else {"usage": usage}), _MARKED)


async def _stream_pictures(picture: str, number: int, exchange: SimulatedExchange) -> None:
    await exchange.begin_stream()
    for _ in range(number):
        kind = "image_generation.partial_image"
        partial = {"type": kind, "b64_json": picture, "partial_image_index": 0}
        await exchange.write(encode(orjson.dumps(partial), kind.encode()))
        kind = "image_generation.completed"
        whole = {"type": kind, "b64_json": picture, "usage": _picture_tokens(1)}
        await exchange.write(encode(orjson.dumps(whole), kind.encode()))
    await exchange.write(b"", more=False)


def _picture_tokens(number: int) -> dict[str, Any]:
    details = {"text_tokens": 10, "image_tokens": 0}
    output = 272 * number
    counts = {"input_tokens": 10, "output_tokens": output, "total_tokens": 10 + output}
    return counts | {"input_tokens_details": details}


def _png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    pixels = zlib.compress(b"\0\0")
    chunks = (chunk(b"IHDR", header), chunk(b"IDAT", pixels), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


async def speak(
    body: dict[str, Any], _: dict[str, Any], fault: Fault, exchange: SimulatedExchange
) -> None:
    """Answer POST /audio/speech: 50 ms of silence a character, as bytes or as events."""
    text = str(body.get("input"))
    sound = _wav(len(text) * 800)
    pieces = [sound[at : at + _PIECE] for at in range(0, len(sound), _PIECE)]
    if body.get("stream_format") == "sse":
        await _stream_speech(pieces, len(text), exchange)
        return
    kind = _TYPES.get(str(body.get("response_format") or "mp3"), "application/octet-stream")
    await exchange.head(200, kind, _MARKED)
    for number, piece in enumerate(pieces):
        if fault.midway is not None and number == 1:
            await fault.midway(exchange)
        await exchange.write(piece)
    await exchange.write(b"", more=False)


async def _stream_speech(pieces: list[bytes], size: int, exchange: SimulatedExchange) -> None:
    await exchange.begin_stream()
    for piece in pieces:
        delta = {"type": "speech.audio.delta", "audio": base64.b64encode(piece).decode()}
        await exchange.event(orjson.dumps(delta))
    usage = {"input_tokens": size // 4, "output_tokens": size, "total_tokens": size // 4 + size}
    await exchange.event(orjson.dumps({"type": "speech.audio.done", "usage": usage}))
    await exchange.write(b"", more=False)


def _wav(size: int) -> bytes:
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 8_000, 16_000, 2, 16)
    sizes = struct.pack("<I", 36 + size), struct.pack("<I", size)
    return b"RIFF%bWAVE%bdata%b%b" % (sizes[0], form, sizes[1], bytes(size))


async def transcribe(
    body: dict[str, Any], head: dict[str, Any], _: Fault, exchange: SimulatedExchange
) -> None:
    """Answer POST /audio/transcriptions and /translations; a model named gpt tells tokens."""
    sound = body["files"]["file"]
    seconds, _guess = sounds.seconds_of(sound[: sounds.HEAD], len(sound))
    usage: dict[str, Any] = {"type": "duration", "seconds": seconds}
    if "gpt" in head["model"]:
        usage = {"type": "tokens", "input_tokens": 10 * seconds, "output_tokens": 9}
        usage["total_tokens"] = usage["input_tokens"] + 9
    form = body.get("response_format") or "json"
    if str(body.get("stream")).lower() == "true":
        await _stream_transcript(usage, exchange)
    elif form in ("text", "srt", "vtt"):
        kind = "text/plain; charset=utf-8"
        await exchange.reply_bytes(200, _SAID.encode() + b"\n", kind, _MARKED)
    elif form == "verbose_json":
        answer = {"task": "transcribe", "language": "english", "duration": seconds - 0.5}
        await exchange.reply(200, answer | {"text": _SAID, "segments": []}, _MARKED)
    else:
        await exchange.reply(200, {"text": _SAID, "usage": usage}, _MARKED)


async def _stream_transcript(usage: dict[str, Any], exchange: SimulatedExchange) -> None:
    await exchange.begin_stream()
    for word in _SAID.split():
        await exchange.event(orjson.dumps({"type": "transcript.text.delta", "delta": word}))
    done = {"type": "transcript.text.done", "text": _SAID, "usage": usage}
    await exchange.event(orjson.dumps(done))
    await exchange.write(b"", more=False)
