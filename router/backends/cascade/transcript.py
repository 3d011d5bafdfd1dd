"""What an answer says, read from client-ready bytes: whole bodies, or the beginning of a stream."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

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


def read_body(body: bytes) -> list[Transcript]:
    """Every choice of a whole chat completion."""
    return [_choice(choice) for choice in orjson.loads(body).get("choices") or ()]


def read_stream(block: bytes) -> list[Transcript]:
    """Every choice of a stream as far as it has come; finish is None where it goes on."""
    told: dict[int, Transcript] = {}
    for event in events(block):
        data = data_of(event)
        if data is None or data.strip() == b"[DONE]":
            continue
        for choice in orjson.loads(data).get("choices") or ():
            _add(told.setdefault(choice.get("index", 0), Transcript()), choice)
    return [told[index] for index in sorted(told)]


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
