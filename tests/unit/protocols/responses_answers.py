"""Answers as clients of responses get them, whole and streamed."""

import json
from collections.abc import Sequence
from typing import Any

import orjson
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from router.operations.response import parse_response
from router.protocols.hub.answer import END, INPUT, OUTPUT, Alternative, Answer, Stop, UsageLine
from router.protocols.hub.conversation import Part
from router.protocols.hub.events import (
    Ended,
    Event,
    PartClosed,
    PartDelta,
    PartNoted,
    PartOpened,
    Started,
    Stopped,
    UsageSeen,
)
from router.protocols.hub.table import CLIENTS
from router.protocols.sse import data_of, events

EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
USAGE = (UsageLine(INPUT, 10), UsageLine(OUTPUT, 5))
FUNCTION = {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": True}
NAMESPACE = {"type": "namespace", "name": "crm", "description": "d", "tools": [FUNCTION]}
SEARCH = {"type": "tool_search", "execution": "client", "description": "d", "parameters": {}}


def asked(**fields: Any) -> Any:
    body = {"model": "a", "input": "x", "tools": [FUNCTION, NAMESPACE, SEARCH]} | fields
    return parse_response(json.dumps(body).encode())


def answer(*parts: Part, stop: Stop | None = None, logprobs: Any = ()) -> Answer:
    alternative = Alternative(parts, stop or Stop(END), logprobs)
    return Answer("resp_1", "served", (alternative,), USAGE)


def whole(*parts: Part, stop: Stop | None = None, logprobs: Any = (), **fields: Any) -> Any:
    """A whole response, which the official package takes."""
    written = CLIENTS["responses"].write_answer(answer(*parts, stop=stop, logprobs=logprobs),
                                                asked(**fields), 7)  # fmt: skip
    body = orjson.loads(orjson.dumps(written.body))
    Response.model_validate(body)
    return body


def told(stream: bytes) -> list[dict[str, Any]]:
    """The events of a stream, numbered without a gap, each of a type the package knows."""
    found = [orjson.loads(data_of(event) or b"{}") for event in events(stream)]
    for number, event in enumerate(found):
        assert event["sequence_number"] == number
        EVENT.validate_python(event)
    return found


def streamed(given: Sequence[Event], **fields: Any) -> list[dict[str, Any]]:
    return told(CLIENTS["responses"].writer(asked(**fields), 7).write(given))


def pieces(number: int, head: Part, *texts: str, note: Any = None) -> list[Event]:
    noted = [PartNoted(0, number, note)] if note else []
    deltas = [PartDelta(0, number, text) for text in texts]
    return [PartOpened(0, number, head), *deltas, *noted, PartClosed(0, number)]


def around(*given: Event, stop: str = END) -> list[Event]:
    begun = Started("resp_1", "served")
    return [begun, *given, Stopped(0, Stop(stop)), UsageSeen(USAGE), Ended()]


def kinds(found: list[dict[str, Any]]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in found]
