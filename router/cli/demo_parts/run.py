"""Asking the demo's questions through the official `openai` client, and noting what came back."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import openai
from openai import OpenAI

from router.cli.demo_parts.prompts import Piece
from router.domain import Usage
from router.pipeline.response_headers import BACKEND, REASON, SUCCESS


@dataclass(frozen=True, slots=True)
class DemoAnswer:
    """What one request came to. Money is in USD as the gateway's header says it."""

    piece: Piece
    backend: str
    reason: str
    success: Mapping[str, float]
    usage: Usage
    seconds: float
    model: str
    text: str


@dataclass(frozen=True, slots=True)
class DemoRefusal:
    """The 429 that the free key met."""

    after: int
    message: str
    headers: Mapping[str, str]


def _success(header: str) -> dict[str, float]:
    pairs = (part.split("=") for part in header.replace(" ", "").split(",") if "=" in part)
    return {name: float(value) for name, value in pairs}


def _collect(raw: Any, stream: bool) -> tuple[str, Usage, str]:
    """Return text, usage and model of an answer, whole or streamed."""
    if not stream:
        completion = raw.parse()
        message = completion.choices[0].message
        calls = message.tool_calls or []
        text = message.content or ", ".join(call.function.name for call in calls)
        usage = completion.usage
        return text, Usage(usage.prompt_tokens, usage.completion_tokens), completion.model
    parts, usage, model = [], None, ""
    for chunk in raw.parse():
        model = chunk.model
        usage = chunk.usage or usage
        parts += [choice.delta.content or "" for choice in chunk.choices]
    if usage is None:
        raise RuntimeError("a stream ended without its usage")
    return "".join(parts), Usage(usage.prompt_tokens, usage.completion_tokens), model


def ask(client: OpenAI, piece: Piece) -> DemoAnswer:
    """Send one piece; raises openai.APIError where the gateway refuses it."""
    options: dict[str, Any] = dict(piece.extra)
    if piece.stream:
        options |= {"stream": True, "stream_options": {"include_usage": True}}
    began = time.perf_counter()
    raw = client.chat.completions.with_raw_response.create(
        model=piece.model, messages=piece.messages, max_tokens=piece.max_tokens, **options
    )
    text, usage, model = _collect(raw, piece.stream)
    return DemoAnswer(
        piece=piece,
        backend=raw.headers[BACKEND],
        reason=raw.headers[REASON],
        success=_success(raw.headers.get(SUCCESS, "")),
        usage=usage,
        seconds=time.perf_counter() - began,
        model=model,
        text=text,
    )


def run_into_limit(client: OpenAI, most: int) -> DemoRefusal:
    """Send small requests until the gateway answers 429; RuntimeError where it never does."""
    for sent in range(1, most + 1):
        try:
            client.chat.completions.create(
                model="auto", messages=[{"role": "user", "content": "Hello!"}], max_tokens=1
            )
        except openai.RateLimitError as error:
            body: Any = error.body
            return DemoRefusal(sent - 1, body["message"], error.response.headers)
    raise RuntimeError(f"{most} requests of the free key were all admitted")
