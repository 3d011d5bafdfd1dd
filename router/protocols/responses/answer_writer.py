"""Responses, answered: an answer written as a whole response."""

from typing import Any, Final

from router.ask import Ask
from router.protocols.hub.answer import (
    REFUSAL,
    Alternative,
    Answer,
    Logprob,
    Stop,
    explanation,
)
from router.protocols.hub.conversation import (
    Audio,
    Call,
    Image,
    Opaque,
    Part,
    Refusal,
    Text,
    Thinking,
    Written,
)
from router.protocols.hub.values import arguments_object
from router.protocols.hub.writing import shown_text
from router.protocols.responses.echo import Around, status_of
from router.protocols.responses.parts import RESPONSES, write_annotations
from router.protocols.responses.reasoning import write_reasoning
from router.protocols.responses.tools import SEARCH
from router.protocols.responses.usage import write_usage

Item = dict[str, Any]
_FORMATS: Final = ("png", "webp", "jpeg", "gif")


def write_answer(answer: Answer, ask: Ask, created: int) -> Written:
    """A whole response of `created`, in seconds of Unix time: the first of the alternatives."""
    alternative = answer.alternatives[0] if answer.alternatives else Alternative(())
    around, dropped = Around(ask, created), list[str]()
    around.begin(answer.id, answer.model)
    stop = alternative.stop or Stop()
    parts = said_by(alternative.parts, stop)
    output = _output(parts, alternative.logprobs, around, dropped)
    status, why = status_of(stop, refused=any(type(part) is Refusal for part in parts))
    body = around.response(status, output, write_usage(answer.usage))
    body["incomplete_details"] = why
    if why is not None and output:
        output[-1]["status"] = "incomplete"
    return Written(body, tuple(dict.fromkeys(dropped)))


def said_by(parts: tuple[Part, ...], stop: Stop) -> tuple[Part, ...]:
    """The parts, and what a refusal says of itself where no part does."""
    words = explanation(stop)
    if stop.reason != REFUSAL or not words or any(type(part) is Refusal for part in parts):
        return parts
    return (*parts, Refusal(words))


def _output(
    parts: tuple[Part, ...], logprobs: tuple[Logprob, ...], around: Around, dropped: list[str]
) -> list[Item]:
    """The items; texts that follow each other are one message."""
    output: list[Item] = []
    for part in parts:
        if isinstance(part, Text | Refusal | Audio) or (isinstance(part, Image) and part.url):
            if not output or output[-1]["type"] != "message":
                output.append(message(around.item_id("message"), "completed"))
            content = write_content(part, dropped)
            if logprobs and content["type"] == "output_text":
                content["logprobs"], logprobs = write_logprobs(logprobs), ()
            output[-1]["content"].append(content)
        else:
            output += write_items(part, around, dropped)
    return output


def message(item_id: str, status: str) -> Item:
    """A message without its content."""
    return {
        "type": "message",
        "id": item_id,
        "status": status,
        "role": "assistant",
        "content": [],
    }


def write_content(part: Part, dropped: list[str]) -> Item:
    """A text, a refusal, or the word that there was a sound, as content of a message."""
    if isinstance(part, Refusal):
        return {"type": "refusal", "refusal": part.text}
    if isinstance(part, Image | Audio):
        part = Text(shown_text(part, dropped))
    text = part if isinstance(part, Text) else Text("")
    annotations = write_annotations(text, dropped)
    return {
        "type": "output_text",
        "text": text.text,
        "annotations": annotations,
        "logprobs": [],
    }


def write_items(part: Part, around: Around, dropped: list[str]) -> list[Item]:
    """A part that is an item of its own; what responses cannot say is named."""
    if isinstance(part, Thinking):
        return [write_thought(part, around)]
    if isinstance(part, Call):
        call = write_call(part, around)
        if part.seal is None:
            return [call]
        return [write_thought(Thinking("", part.seal), around), call]
    if isinstance(part, Image):
        return [write_image(part, around)]
    if isinstance(part, Opaque) and part.protocol == RESPONSES:
        return [part.json]
    dropped.append(part.name if isinstance(part, Opaque) else type(part).__name__.lower())
    return []


def write_thought(thought: Thinking, around: Around) -> Item:
    """A thought with its seal, whoever made it."""
    return write_reasoning(thought, around.item_id("reasoning"))


def write_call(call: Call, around: Around) -> Item:
    """A call of a tool that the client runs."""
    if around.searches and call.name == SEARCH:
        return _search(call, around)
    kind, given = ("function_call", "arguments")
    if call.kind == "custom":
        kind, given = ("custom_tool_call", "input")
    return {
        "type": kind,
        "id": around.item_id(kind),
        "status": "completed",
        "call_id": call.id,
        **around.name_of(call.name),
        given: call.arguments,
    }


def _search(call: Call, around: Around) -> Item:
    return {
        "type": "tool_search_call",
        "id": around.item_id("tool_search_call"),
        "status": "completed",
        "execution": "client",
        "call_id": call.id,
        "arguments": arguments_object(call.arguments),
    }


def write_image(image: Image, around: Around) -> Item:
    """An image that the model made."""
    form = image.media_type.partition("/")[2]
    item = {
        "type": "image_generation_call",
        "id": around.item_id("image_generation_call"),
        "status": "completed",
        "result": image.data,
    }
    return item | ({"output_format": form} if form in _FORMATS else {})


def write_logprobs(logprobs: tuple[Logprob, ...]) -> list[Any]:
    """Log-probabilities as clients of responses expect them."""
    return [_token(one) | {"top_logprobs": [*map(_token, one.top)]} for one in logprobs]


def _token(one: Logprob) -> dict[str, Any]:
    raw = one.raw if one.raw is not None else list(one.token.encode())
    return {"token": one.token, "logprob": one.logprob, "bytes": raw}
