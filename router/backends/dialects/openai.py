"""OpenAI's chat completions, and the many servers that speak it, each with its quirks as data.

Only `model` and `stream_options` are set; the answer's bytes are relayed. Of a stream only two
things are changed: the usage chunk that the gateway asked for is hidden from a client that did not
ask, and so is the `"usage": null` that it brings along.
"""

import re
from typing import Any, Final

import orjson

from router.backends.backend import Backend, Lane
from router.backends.dialects.base import EVENT_STREAM, Failure, MalformedReply, Reply, Translator
from router.backends.dialects.failure import read_failure, refuse_error_inside
from router.backends.dialects.parts import checked_choices, flatten
from router.backends.dialects.quirks import shaped_body
from router.backends.dialects.usage import (
    estimate_output,
    estimate_usage,
    read_usage,
)
from router.backends.transport import Call
from router.domain import Usage
from router.wire.chat import ChatRequest
from router.wire.sse import EventTooLarge, Splitter, data_of, encode, events

DONE: Final = b"data: [DONE]\n\n"
# Keys of the chunk itself: quotes inside a text are escaped, so a text never looks like these.
_NULL_USAGE: Final = (b',"usage":null', b', "usage": null')
# It begins with a literal, which the regex engine finds fast: this runs for every event.
_SAID: Final = re.compile(
    rb'"delta"\s*:\s*\{[^}]*?'
    rb'"(?:content|arguments|reasoning|reasoning_content|refusal)"\s*:\s*"((?:[^"\\]|\\.)+)'
)
_ONE_TOKEN: Final = 16  # bytes; a longer delta holds more than one token


class OpenAI:
    """The dialect of OpenAI and of everything compatible with it."""

    stream_type = EVENT_STREAM

    def call(self, lane: Lane, backend: Backend, request: ChatRequest, request_id: str) -> Call:
        """POST {base_url}/chat/completions."""
        headers = [
            ("Content-Type", "application/json"),
            ("Accept-Encoding", "identity"),
            ("X-Request-Id", request_id),
            *backend.headers,
        ]
        if lane.api_key is not None:
            headers.append(("Authorization", f"Bearer {lane.api_key}"))
        return Call(
            url=f"{lane.base_url}/chat/completions",
            headers=tuple(headers),
            body=orjson.dumps(shaped_body(backend, request)),
            timeouts=backend.timeouts,
        )

    def reply(self, raw: bytes, request: ChatRequest) -> Reply:
        """Read `usage` and `model`; the body goes on as it came."""
        try:
            body = orjson.loads(raw)
        except orjson.JSONDecodeError:
            raise MalformedReply("answered something that is not JSON") from None
        if not isinstance(body, dict):
            raise MalformedReply("answered JSON that is not an object")
        refuse_error_inside(body)
        choices = checked_choices(body, "message")
        usage = read_usage(body.get("usage"), request)
        model = body.get("model")
        listed = [flatten(choice["message"]) for choice in choices]
        return Reply(
            body=orjson.dumps(body) if any(listed) else raw.strip(),
            usage=usage or estimate_usage(request, _spoken(choices)),
            model=model if isinstance(model, str) else None,
        )

    def translator(self, request: ChatRequest) -> Translator:
        """Relay the chunks."""
        return OpenAIStream(request)

    def failure(self, status: int, raw: bytes) -> Failure:
        """Read `{"error": {...}}` and its many relatives."""
        return read_failure(status, raw)


def _spoken(choices: list[dict[str, Any]]) -> int:
    """Output tokens by the text of the choices, for a server that does not count."""
    messages = [choice.get("message") for choice in choices]
    return estimate_output(len(orjson.dumps(messages)))


class OpenAIStream:
    """One streamed answer, relayed; see `Translator`."""

    __slots__ = (
        "_complete",
        "_hide",
        "_request",
        "_splitter",
        "finished",
        "model",
        "output_tokens_seen",
        "usage",
    )

    def __init__(self, request: ChatRequest) -> None:
        self._request = request
        self._hide = not request.include_usage
        self._splitter = Splitter()
        self._complete = False
        self.usage: Usage | None = None
        self.output_tokens_seen = 0
        self.model: str | None = None
        self.finished = False

    def feed(self, data: bytes) -> bytes:
        """Relay the events that are whole; look into those only that hold more than text."""
        if self.finished:
            return b""  # nothing counts after [DONE]
        try:
            block = self._splitter.feed(data)
        except EventTooLarge:
            raise MalformedReply("sent an event that never ends") from None
        if not block:
            return b""
        if self._hide and b'"usage"' in block:
            for told in _NULL_USAGE:
                block = block.replace(told, b"")
        if self.model is None or _is_noteworthy(block):
            block = b"".join(self._event(event) for event in events(block))
        for said in _SAID.findall(block):
            self.output_tokens_seen += 1 if len(said) <= _ONE_TOKEN else estimate_output(len(said))
        return block

    def finish(self) -> bytes:
        """Add the [DONE] that a server forgot; refuse an answer that was cut."""
        if self.finished:
            return b""
        rest = b""
        if self._splitter.pending.strip():
            rest = self.feed(b"\n\n")  # a last event without its empty line
        if self.finished:
            return rest
        if not self._complete:
            raise MalformedReply("ended its stream before the answer did")
        self.finished = True
        return rest + DONE

    def _event(self, event: bytes) -> bytes:
        """One event, or nothing where it is not for the client."""
        if self.finished:
            return b""
        data = data_of(event)
        if data is None:
            return event
        if data.strip() == b"[DONE]":
            self.finished = True
            return DONE
        try:
            chunk = orjson.loads(data)
        except orjson.JSONDecodeError:
            raise MalformedReply("sent an event that is not JSON") from None
        if not isinstance(chunk, dict):
            raise MalformedReply("sent an event that is not an object")
        refuse_error_inside(chunk)
        choices = checked_choices(chunk, "delta")
        listed = [flatten(choice["delta"]) for choice in choices if choice.get("delta")]
        if not self._note(chunk, choices):
            return b""
        return encode(orjson.dumps(chunk)) if any(listed) else event

    def _note(self, chunk: dict[str, Any], choices: list[dict[str, Any]]) -> bool:
        """Remember what the chunk says; False where the client must not see it."""
        model = chunk.get("model")
        if isinstance(model, str):
            self.model = model
        if any(choice.get("finish_reason") for choice in choices):
            self._complete = True
        groq = chunk.get("x_groq")
        told = chunk.get("usage") or (groq.get("usage") if isinstance(groq, dict) else None)
        usage = read_usage(told, self._request)
        if usage is not None:
            self.usage = usage
        return not (self._hide and told is not None and not choices)


def _is_noteworthy(block: bytes) -> bool:
    """Whether events of this block hold more than text: only those are parsed."""
    return (
        b'"finish_reason":"' in block
        or b'"finish_reason": "' in block
        or b"[DONE]" in block
        or b'"error"' in block
        or b'"usage":{' in block
        or b'"usage": {' in block
        or b'"base_resp"' in block
        or b'"content":[' in block
        or b'"content": [' in block
        or b'"x_groq"' in block
    )
