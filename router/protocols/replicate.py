"""Replicate's predictions: a conversation as a model's input, a prediction as an answer.

    system, developer   `system_prompt`
    one user turn       `prompt`
    more turns          `messages`, where the model's input knows it (quirk
                        `rename: {prompt: messages}`); else it cannot be said
    the output limit    `max_tokens`, or as the quirk `token_param` names it

The stream of a prediction has an address of its own, so a streamed answer is asked for whole and
given in one piece. The API does not say why an answer ended.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import orjson

from router.protocols.hub.answer import (
    UNTOLD,
    Alternative,
    Answer,
    Lines,
    Stop,
)
from router.protocols.hub.conversation import Conversation, Opaque, Text, Turn, Written
from router.protocols.hub.events import Event
from router.protocols.hub.gather import events_of
from router.protocols.hub.usage_lines import lines_of_usage
from router.protocols.hub.values import name_of
from router.protocols.hub.writing import Dropped, sampling_of
from router.protocols.passage import ErrorInside, MalformedReply
from router.protocols.quirks import Quirks
from router.protocols.spellings import REPLICATE
from router.protocols.told import told
from router.protocols.unsupported import Unsupported

WAIT: Final = 60  # seconds: the longest that the API holds a request open
_LARGEST: Final = 16 * 1024 * 1024  # bytes of an answer that is told as a stream
_SAMPLING: Final = ("temperature", "top_p", "presence_penalty", "frequency_penalty")
_LATE: Final = frozenset({"starting", "processing", "aborted", "canceled"})
_STATUS_OF: Final = MappingProxyType(dict.fromkeys(_LATE, 504))


def write_request(conversation: Conversation, _model: str, quirks: Quirks) -> Written:
    """The body of POST /predictions; its fields differ by model, which is what quirks are for."""
    cannot = {
        "tools": conversation.tools,
        "stop": conversation.stops,
        "logprobs": conversation.logprobs is not None,
        "n": conversation.n > 1,
        "response_format": conversation.schema,
    }
    for name, asked in cannot.items():
        if asked:
            raise Unsupported(name)
    dropped = Dropped()
    fields = _turns(conversation, dropped, as_messages=quirks.rename.get("prompt") == "messages")
    spelling = {
        name: quirks.rename.get(name, name) for name in _SAMPLING if name not in quirks.drop
    }
    fields |= sampling_of(conversation, spelling, dropped)
    if conversation.limit is not None:
        fields[quirks.token_param or "max_tokens"] = conversation.limit
    for name, value in (
        ("user", conversation.user),
        ("service_tier", conversation.tier),
        ("reasoning_effort", conversation.effort),
        ("thinking", conversation.thinking),
    ):
        if value:
            dropped.add(name)
    dropped.foreign(conversation.extras)
    return Written({"input": fields | dict(quirks.extra)}, dropped.names())


def _turns(conversation: Conversation, dropped: Dropped, *, as_messages: bool) -> dict[str, Any]:
    system: list[str] = []
    texts: list[tuple[str, str]] = []
    for turn in conversation.turns:
        dropped.foreign(turn.extras)
        if turn.name:
            dropped.add("messages.name")
        if turn.role in ("system", "developer"):
            system.append(_text(turn, dropped))
        else:
            texts.append((turn.role, _text(turn, dropped)))
    joined = "\n".join(system)
    if as_messages:
        messages = [{"role": role, "content": text} for role, text in texts]
        first = [{"role": "system", "content": joined}] if joined else []
        return {"messages": [*first, *messages]}
    if len(texts) != 1 or texts[0][0] != "user":
        raise Unsupported("messages: more than one turn")
    return {"prompt": texts[0][1]} | ({"system_prompt": joined} if joined else {})


def _text(turn: Turn, dropped: Dropped) -> str:
    texts: list[str] = []
    for part in turn.parts:
        if isinstance(part, Opaque) and part.hint:
            dropped.add(part.name)
        elif isinstance(part, Text):
            dropped.beside(part)
            texts.append(part.text)
        else:
            raise Unsupported(f"messages: content of type '{type(part).__name__.lower()}'")
    return "\n".join(texts)


def read_answer(body: Mapping[str, Any]) -> Answer:
    """A whole prediction; ErrorInside where it failed or took too long."""
    if "status" not in body and (body.get("detail") or body.get("title")):
        raise ErrorInside(str(body.get("detail") or body["title"])[:500], 502, body)
    status = body["status"]
    if status != "succeeded":
        reason = body.get("error") or f"the prediction is {status} after {WAIT} seconds"
        raise ErrorInside(str(reason)[:500], _STATUS_OF.get(name_of(status), 502), body)
    output = body["output"]
    text = "".join(output) if isinstance(output, list) else output
    if not isinstance(text, str):
        raise MalformedReply("answered without a text")
    model = body.get("model")
    return Answer(
        name_of(body.get("id")),
        model if isinstance(model, str) else None,
        (Alternative((Text(text),) if text else (), Stop(UNTOLD)),),
        read_usage(body.get("metrics")),
    )


def read_usage(metrics: Any) -> Lines:
    """Token counts, which only some models tell."""
    return lines_of_usage(told(metrics, REPLICATE))


class ReplicateReader:
    """Reads one prediction as if it were a stream: the bytes are its JSON, not events."""

    __slots__ = ("_body", "_ended")

    def __init__(self) -> None:
        self._body = bytearray()
        self._ended = False

    @property
    def complete(self) -> bool:
        """Whether the prediction came whole."""
        return self._ended

    def feed(self, data: bytes) -> list[Event]:
        """Gather the body; read it once it is whole."""
        if self._ended:
            return []
        self._body += data
        if len(self._body) > _LARGEST:
            raise MalformedReply(f"answered more than {_LARGEST} bytes")
        if not data.rstrip().endswith(b"}"):
            return []
        try:
            answer = orjson.loads(self._body)
        except orjson.JSONDecodeError:
            return []
        self._ended = True
        try:
            return events_of(read_answer(answer))
        except (KeyError, TypeError, AttributeError):
            raise MalformedReply("answered with an unknown shape") from None

    def finish(self) -> list[Event]:
        """The server closed."""
        if not self._ended:
            raise MalformedReply("ended its stream before the answer did")
        return []
