"""What an answer says, read from client-ready bytes: whole bodies, or the beginning of a stream."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from router.protocols.messages_usage import MESSAGE_FINISH
from router.protocols.sse import data_of, events


@dataclass(slots=True)
class Transcript:
    """One choice of an answer. `calls` are (tool name, arguments as text), `logprobs` per token."""

    text: str = ""
    refusal: str = ""
    finish: str | None = None
    calls: list[tuple[str, str]] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)

    @property
    def mean_logprob(self) -> float | None:
        """Mean log-probability of the tokens; None where the backend reported none."""
        return sum(self.logprobs) / len(self.logprobs) if self.logprobs else None


def read_chat_body(body: bytes) -> list[Transcript]:
    """Every choice of a whole chat completion."""
    return [_choice(choice) for choice in orjson.loads(body).get("choices") or ()]


def read_chat_stream(block: bytes) -> list[Transcript]:
    """Every choice of a stream as far as it has come; finish is None where it goes on."""
    told: dict[int, Transcript] = {}
    for chunk in _told(block):
        for choice in chunk.get("choices") or ():
            _add(told.setdefault(choice.get("index", 0), Transcript()), choice)
    return [told[index] for index in sorted(told)]


def read_message_body(body: bytes) -> list[Transcript]:
    """The one answer of a whole message; its `finish` in the words of chat completions."""
    message = orjson.loads(body)
    transcript = Transcript(finish=_finish(message.get("stop_reason")))
    for block in message.get("content") or ():
        if block.get("type") == "text":
            transcript.text += block.get("text") or ""
        elif block.get("type") == "tool_use":
            given = orjson.dumps(block.get("input") or {}).decode()
            transcript.calls.append((str(block.get("name")), given))
    return [transcript]


def read_message_stream(block: bytes) -> list[Transcript]:
    """The answer of a streamed message as far as it has come; finish is None where it goes on."""
    transcript = Transcript()
    for told in _told(block):
        begun, delta = told.get("content_block") or {}, told.get("delta") or {}
        transcript.text += begun.get("text") or delta.get("text") or ""
        transcript.finish = _finish(delta.get("stop_reason")) or transcript.finish
        if begun.get("type") == "tool_use":
            transcript.calls.append((str(begun.get("name")), ""))
        elif delta.get("partial_json") and transcript.calls:
            name, arguments = transcript.calls[-1]
            transcript.calls[-1] = (name, arguments + delta["partial_json"])
    return [transcript]


def _finish(reason: Any) -> str | None:
    return MESSAGE_FINISH.get(reason, "stop") if reason else None


def _told(block: bytes) -> Iterator[dict[str, Any]]:
    """What the events of a block say."""
    for event in events(block):
        data = data_of(event)
        if data is not None and data.strip() not in (b"", b"[DONE]"):
            yield orjson.loads(data)


def _choice(choice: Mapping[str, Any]) -> Transcript:
    message = choice.get("message") or {}
    calls = [call.get("function") or {} for call in message.get("tool_calls") or ()]
    return Transcript(
        text=message.get("content") or "",
        refusal=message.get("refusal") or "",
        finish=choice.get("finish_reason"),
        calls=[(str(f.get("name")), f.get("arguments") or "") for f in calls],
        logprobs=_logprobs(choice),
    )


def _add(transcript: Transcript, choice: Mapping[str, Any]) -> None:
    delta = choice.get("delta") or {}
    transcript.text += delta.get("content") or ""
    transcript.refusal += delta.get("refusal") or ""
    transcript.finish = choice.get("finish_reason") or transcript.finish
    transcript.logprobs += _logprobs(choice)
    for call in delta.get("tool_calls") or ():
        function = call.get("function") or {}
        if function.get("name"):
            transcript.calls.append((function["name"], function.get("arguments") or ""))
        elif transcript.calls:
            name, arguments = transcript.calls[-1]
            transcript.calls[-1] = (name, arguments + (function.get("arguments") or ""))


def _logprobs(choice: Mapping[str, Any]) -> list[float]:
    content = (choice.get("logprobs") or {}).get("content") or ()
    return [token["logprob"] for token in content if isinstance(token.get("logprob"), int | float)]
