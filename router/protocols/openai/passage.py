"""Answers of OpenAI's other operations (embeddings, completions, and their like), as they came.

What they have in common: one JSON object that holds a list, with `usage` and `model` beside it; or
a stream of chunks with choices, which ends with [DONE].
"""

import re
import time
from typing import Any, Final

import orjson

from router.ask import Ask
from router.protocols.chat.passing_stream import DONE, ChatStream
from router.protocols.deltas import Deltas
from router.protocols.error_inside import refuse_error_inside
from router.protocols.headers import CHAT_ANSWER
from router.protocols.passage import MalformedReply, Reply, read_object
from router.protocols.sse import encode
from router.protocols.told import UNTOLD, served
from router.protocols.usage import completed, estimate_output, read_usage

_SAID: Final = re.compile(rb'"text"\s*:\s*"((?:[^"\\]|\\.)+)')


class OpenAIPassage:
    """Reads whole answers and streams of any such operation."""

    headers = CHAT_ANSWER
    notes = ()
    types = ()

    def reply(self, raw: bytes, ask: Ask) -> Reply:
        """Read `usage` and `model`; the body goes on as it came."""
        body = read_object(raw)
        refuse_error_inside(body)
        if not any(isinstance(held, list) for held in body.values()):
            raise MalformedReply("answered without anything that can be read")
        counts, model = body.get("usage"), body.get("model")
        if isinstance(counts, dict):
            counts = _completed(counts, body)
        usage = read_usage(counts, ask)
        if usage is None or usage.output_tokens == UNTOLD:
            usage = completed(usage, ask, _spoken(body.get("choices")))
        usage = served(usage, body.get("service_tier"))
        return Reply(raw.strip(), usage, model if isinstance(model, str) else None)

    def stream(self, ask: Ask) -> "TextStream":
        """Relay the chunks."""
        return TextStream(ask)


def _completed(counts: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """The counts of embeddings and the like have no output; Voyage's are a total alone."""
    if "choices" in body:
        return counts
    return {"prompt_tokens": counts.get("total_tokens"), "completion_tokens": 0} | counts


def _spoken(choices: Any) -> int:
    """Output tokens by the text of the choices, for a server that does not count."""
    if not isinstance(choices, list):
        return 0
    texts = [choice.get("text") for choice in choices if isinstance(choice, dict)]
    return estimate_output(sum(len(text.encode()) for text in texts if isinstance(text, str)))


class TextStream(ChatStream):
    """A stream whose choices hold `text`; all else is as in a chat completion's."""

    __slots__ = ()

    def __init__(self, ask: Ask) -> None:
        super().__init__(ask, Deltas(_SAID))

    def cut(self, request_id: str, model: str, why: str) -> bytes:
        """One more chunk with `finish_reason: length`, then [DONE]."""
        ended = {"text": "", "logprobs": None, "finish_reason": "length"}
        chunk = {
            "id": f"cmpl-{request_id}",
            "object": "text_completion",
            "created": int(time.time()),
            "model": model,
            "choices": [{"index": index, **ended} for index in self._open_choices()],
            "turnout": {"ended": why},
        }
        return encode(orjson.dumps(chunk)) + DONE
