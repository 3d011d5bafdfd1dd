"""Ollama's `/api/chat`, answered: a whole answer, and what one line of a stream says.

An answer has no id, tells a thought beside its text, calls with their arguments as objects, and in
the object that is `done` why it ended and what was used. What of its input came from a cache and
what of its output was a thought is not told.
"""

from collections.abc import Container, Mapping
from types import MappingProxyType
from typing import Any, Final

from router.protocols.hub.answer import (
    CALLS,
    END,
    LENGTH,
    Alternative,
    Answer,
    Lines,
    Logprob,
    Stop,
)
from router.protocols.hub.conversation import Call, Part, Text, Thinking
from router.protocols.hub.usage_lines import lines_of_usage
from router.protocols.hub.values import arguments_text, call_id, name_of, text_of
from router.protocols.passage import ErrorInside, MalformedReply
from router.protocols.spellings import OLLAMA
from router.protocols.told import told

_REASONS: Final = MappingProxyType({"stop": END, "length": LENGTH})
_UNANSWERED: Final = frozenset(("load", "unload"))  # it did that, and said nothing


def refuse_error(answer: Mapping[str, Any]) -> None:
    """Raise ErrorInside where this is `{"error": "..."}`."""
    error = answer.get("error")
    if not error:
        return
    message = error.get("message") if isinstance(error, Mapping) else error
    status = answer.get("status")
    if type(status) is not int or not 400 <= status <= 599:
        status = 502
    raise ErrorInside(str(message or "an error")[:500], status, answer)


def read_answer(body: Mapping[str, Any]) -> Answer:
    """A whole answer; ErrorInside where it is an error, MalformedReply where it is none."""
    refuse_error(body)
    message = body["message"]
    if body.get("done") is not True:  # its server gave up, over a model that repeats itself
        raise MalformedReply("ended its answer before it was done")
    calls = read_calls(message, ())
    parts: list[Part] = []
    if thought := text_of(message.get("thinking") or ""):
        parts.append(Thinking(thought))
    if text := text_of(message.get("content") or ""):
        parts.append(Text(text))
    stop = read_stop(body.get("done_reason"), called=bool(calls))
    alternative = Alternative((*parts, *calls), stop, read_logprobs(body.get("logprobs")))
    return Answer("", model_of(body), (alternative,), read_usage(body))


def model_of(answer: Mapping[str, Any]) -> str | None:
    """The model, as the server names it."""
    return name_of(answer.get("model")) or None


def read_calls(message: Mapping[str, Any], taken: Container[str]) -> list[Call]:
    """The calls of a message; where it tells no ids, or some that are `taken`, they get ours."""
    calls: list[Call] = []
    for fields in message.get("tool_calls") or ():
        function = fields["function"]
        id_ = call_id(fields.get("id"), taken)
        arguments = arguments_text(function.get("arguments"))
        calls.append(Call(id_, text_of(function["name"]), arguments))
    return calls


def read_stop(reason: Any, *, called: bool) -> Stop:
    """Why an answer ended; MalformedReply where it never began."""
    if reason in _UNANSWERED:
        raise MalformedReply(f"answered nothing ({reason})")
    stop = _REASONS.get(name_of(reason), END)
    return Stop(CALLS if called and stop == END else stop)


def read_usage(answer: Mapping[str, Any]) -> Lines:
    """What was used, as far as the server tells it."""
    return lines_of_usage(told(answer, OLLAMA))


def read_logprobs(logprobs: Any) -> tuple[Logprob, ...]:
    """The tokens' log-probabilities, where they were asked for."""
    return tuple(
        [
            Logprob(
                name_of(one.get("token")),
                one["logprob"],
                one.get("bytes"),
                read_logprobs(one.get("top_logprobs")),
            )
            for one in logprobs or ()
            if isinstance(one.get("logprob"), int | float)
        ]
    )
