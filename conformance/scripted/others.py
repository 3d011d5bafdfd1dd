"""What is asked beside conversations: vectors, texts, pictures, sounds, moderations.

As in conversations, answers show what arrived: a picture's and a sound's digest, the prompt.
"""

import base64
import hashlib
import json
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.parser import BytesParser
from email.policy import HTTP
from types import MappingProxyType
from typing import Any, Final

from conformance.scripted.words import CREATED

Json = dict[str, Any]
HEARD: Final = "The sound says hello."


@dataclass(frozen=True, slots=True)
class Sound:
    """An answer that is no JSON."""

    raw: bytes
    content_type: str = "application/octet-stream"  # as OpenAI's document has it


def fields_of(raw: bytes, content_type: str) -> Json:
    """The fields of a form or of a JSON body; files are told by their digests."""
    if not content_type.startswith("multipart/"):
        held = json.loads(raw)
        return held if isinstance(held, dict) else {}
    head = f"content-type: {content_type}\r\n\r\n".encode()
    fields: Json = {}
    for part in BytesParser(policy=HTTP).parsebytes(head + raw).iter_parts():
        name = str(part.get_param("name", header="content-disposition"))
        value: Any = part.get_payload(decode=True)
        fields[name.removesuffix("[]")] = _digest(value) if part.get_filename() else value.decode()
    return fields


def _digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()[:8]


def _embeddings(body: Json) -> Json:
    held = body["input"]
    inputs = held if isinstance(held, list) and not isinstance(held[0], int) else [held]
    packed = body.get("encoding_format") == "base64"
    data = []
    for index, one in enumerate(inputs):
        vector: Any = [float(len(one)), 0.5, -0.25]
        if packed:
            vector = base64.b64encode(struct.pack("<3f", *vector)).decode()
        data.append({"object": "embedding", "index": index, "embedding": vector})
    usage = {"prompt_tokens": 5, "total_tokens": 5}
    return {"object": "list", "data": data, "model": body["model"], "usage": usage}


def _completion(body: Json) -> Json:
    choice = {"index": 0, "text": " and so on.", "logprobs": None, "finish_reason": "stop"}
    usage = {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}
    head = {"id": "cmpl-scripted", "object": "text_completion", "created": CREATED}
    return head | {"model": body["model"], "choices": [choice], "usage": usage}


_CATEGORIES: Final = (
    *("harassment", "harassment/threatening", "hate", "hate/threatening", "illicit"),
    *("illicit/violent", "self-harm", "self-harm/instructions", "self-harm/intent", "sexual"),
    *("sexual/minors", "violence", "violence/graphic"),
)


def _moderation(body: Json) -> Json:
    flagged = "hate" in json.dumps(body["input"])
    result = {
        "flagged": flagged,
        "categories": {name: flagged and name == "hate" for name in _CATEGORIES},
        "category_scores": dict.fromkeys(_CATEGORIES, 0.5),
        "category_applied_input_types": {name: ["text"] for name in _CATEGORIES},
    }
    return {"id": "modr-scripted", "model": body["model"], "results": [result]}


def _picture(body: Json) -> Json | Sound:
    """The picture that is made holds the prompt, and the digest of the one that it was made of."""
    told = f"{body['prompt']} {body.get('image', 'from nothing')}"
    usage: Json = {"input_tokens": 5, "output_tokens": 10, "total_tokens": 15}
    usage["input_tokens_details"] = {"text_tokens": 5, "image_tokens": 0}
    data = {"b64_json": base64.b64encode(told.encode()).decode()}
    if _streams(body):
        kind = "image_edit" if "image" in body or "images" in body else "image_generation"
        done = {"type": f"{kind}.completed", "created_at": CREATED, "usage": usage}
        return _events(done | data)
    return {"created": CREATED, "data": [data], "usage": usage}


def _speech(body: Json) -> Sound:
    if body.get("stream_format") == "sse":
        usage = {"input_tokens": 5, "output_tokens": 10, "total_tokens": 15}
        delta = {"type": "speech.audio.delta", "audio": "c291bmQ="}
        return _events(delta, {"type": "speech.audio.done", "usage": usage})
    return Sound(f"sound of {body['input']} by {body['voice']}".encode() * 100)


def _transcription(body: Json) -> Json | Sound:
    told = {"text": f"{HEARD} {body['file']}", "usage": {"type": "duration", "seconds": 1}}
    if _streams(body):
        delta = {"type": "transcript.text.delta", "delta": told["text"]}
        return _events(delta, {"type": "transcript.text.done", **told})
    return told


def _streams(body: Json) -> bool:
    """In JSON or in a form."""
    return body.get("stream") in (True, "true")


def _events(*events: Json) -> Sound:
    named = (f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
    return Sound("".join(named).encode(), "text/event-stream")


OTHERS: Final[Mapping[str, Callable[[Json], Json | Sound]]] = MappingProxyType(
    {
        "/embeddings": _embeddings,
        "/completions": _completion,
        "/moderations": _moderation,
        "/images/generations": _picture,
        "/images/edits": _picture,
        "/images/variations": lambda body: _picture({"prompt": "the same"} | body),
        "/audio/speech": _speech,
        "/audio/transcriptions": _transcription,
        "/audio/translations": _transcription,
    }
)
