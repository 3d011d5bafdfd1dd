"""The protocols that the hub translates between: one row each, four functions a row.

What nobody speaks on one side is missing there: a protocol of backends alone reads no requests and
writes no answers. Readers raise Unsupported (of a request), MalformedReply or ErrorInside (of an
answer); of bodies of an unknown shape they may raise what JSON of that shape raises.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from router.ask import Ask
from router.protocols import replicate
from router.protocols.chat import answer_reader as chat_answers
from router.protocols.chat import answer_writer as chat_replies
from router.protocols.chat import request_reader as chat_requests
from router.protocols.chat import request_writer as chat_bodies
from router.protocols.chat.stream_reader import ChatReader
from router.protocols.chat.stream_writer import ChatWriter
from router.protocols.gemini import answer_reader as gemini_answer
from router.protocols.gemini import answer_writer as gemini_replies
from router.protocols.gemini import request_reader as gemini_requests
from router.protocols.gemini import request_writer as gemini_bodies
from router.protocols.gemini.array import ArrayWriter
from router.protocols.gemini.stream_reader import GeminiReader
from router.protocols.gemini.stream_writer import GeminiWriter
from router.protocols.hub.answer import Answer, Stop
from router.protocols.hub.conversation import Conversation, Written
from router.protocols.hub.events import StreamReader, StreamWriter
from router.protocols.messages import answer_reader as messages_answers
from router.protocols.messages import answer_writer as messages_replies
from router.protocols.messages import request_reader as messages_requests
from router.protocols.messages import request_writer as messages_bodies
from router.protocols.messages import vertex as vertex_bodies
from router.protocols.messages.stream_reader import MessagesReader
from router.protocols.messages.stream_writer import MessagesWriter
from router.protocols.ollama import answer_reader as ollama_answers
from router.protocols.ollama import request_writer as ollama_bodies
from router.protocols.ollama.stream_reader import OllamaReader
from router.protocols.quirks import PLAIN, Quirks
from router.protocols.responses import answer_reader as responses_answers
from router.protocols.responses import answer_writer as responses_replies
from router.protocols.responses import request_reader as responses_requests
from router.protocols.responses import request_writer as responses_bodies
from router.protocols.responses.echo import status_of
from router.protocols.responses.stream_reader import ResponsesReader
from router.protocols.responses.stream_writer import ResponsesWriter
from router.protocols.unsupported import Unsupported
from router.protocols.usage import estimate_input


@dataclass(frozen=True, slots=True)
class ClientSide:
    """How requests of a protocol's clients are read, and answers written for them.

    `write_answer` and `writer` get the request, which some answers repeat, and the instant of the
    answer, in seconds of Unix time. `stop_word` is what the protocol calls the reason for which an
    answer ended.
    """

    read_request: Callable[[Mapping[str, Any]], Conversation]
    write_answer: Callable[[Answer, Ask, int], Written]
    writer: Callable[[Ask, int], StreamWriter]
    stop_word: Callable[[Stop], str]


@dataclass(frozen=True, slots=True)
class ServerSide:
    """How a protocol's servers are asked (for a model, by their quirks), and answers read.

    `custom_tools` is whether the protocol knows tools that take free text.
    """

    write_request: Callable[[Conversation, str, Quirks], Written]
    read_answer: Callable[[Mapping[str, Any]], Answer]
    reader: Callable[[], StreamReader]
    custom_tools: bool = False


def _chat_writer(ask: Ask, created: int) -> StreamWriter:
    return ChatWriter(created=created, include_usage=ask.include_usage)


def _messages_writer(ask: Ask, _created: int) -> StreamWriter:
    return MessagesWriter(input_tokens=max(1, estimate_input(ask)))


def _gemini_writer(_ask: Ask, _created: int) -> StreamWriter:
    return GeminiWriter()


def _array_writer(_ask: Ask, _created: int) -> StreamWriter:
    return ArrayWriter()


def _write_content(answer: Answer, _ask: Ask, _created: int) -> Written:
    return gemini_replies.write_answer(answer)


def _write_chat(answer: Answer, _ask: Ask, created: int) -> Written:
    return chat_replies.write_answer(answer, created)


def _chat_stop(stop: Stop) -> str:
    return str(chat_replies.write_stop(stop)["finish_reason"])


def _gemini_stop(stop: Stop) -> str:
    return gemini_replies.REASONS[stop.reason]


def _messages_stop(stop: Stop) -> str:
    return str(messages_replies.write_stop(stop)["stop_reason"])


def _responses_stop(stop: Stop) -> str:
    status, why = status_of(stop, refused=False)
    return why["reason"] if why else status


def _write_message(answer: Answer, _ask: Ask, _created: int) -> Written:
    return messages_replies.write_answer(answer)


CLIENTS: Final[Mapping[str, ClientSide]] = MappingProxyType(
    {
        "chat": ClientSide(chat_requests.read_request, _write_chat, _chat_writer, _chat_stop),
        "messages": ClientSide(
            messages_requests.read_request, _write_message, _messages_writer, _messages_stop
        ),
        "gemini": ClientSide(
            gemini_requests.read_request, _write_content, _gemini_writer, _gemini_stop
        ),
        "gemini_array": ClientSide(
            gemini_requests.read_request, _write_content, _array_writer, _gemini_stop
        ),
        "responses": ClientSide(
            responses_requests.read_request,
            responses_replies.write_answer,
            ResponsesWriter,
            _responses_stop,
        ),
    }
)
SERVERS: Final[Mapping[str, ServerSide]] = MappingProxyType(
    {
        "chat": ServerSide(
            chat_bodies.write_request, chat_answers.read_answer, ChatReader, custom_tools=True
        ),
        "messages": ServerSide(
            messages_bodies.write_request,
            messages_answers.read_answer,
            MessagesReader,
        ),
        "vertex-messages": ServerSide(
            vertex_bodies.write_request,
            messages_answers.read_answer,
            MessagesReader,
        ),
        "responses": ServerSide(
            responses_bodies.write_request,
            responses_answers.read_answer,
            ResponsesReader,
            custom_tools=True,
        ),
        "gemini": ServerSide(gemini_bodies.write_request, gemini_answer.read_answer, GeminiReader),
        "ollama": ServerSide(ollama_bodies.write_request, ollama_answers.read_answer, OllamaReader),
        "replicate": ServerSide(
            replicate.write_request, replicate.read_answer, replicate.ReplicateReader
        ),
    }
)


def as_chat(protocol: str, body: dict[str, Any], model: str) -> dict[str, Any]:
    """A request's body in the words of chat completions, for those who learn from prompts.

    Unsupported where it cannot be said so.
    """
    if protocol == "chat":
        return body
    if protocol not in CLIENTS:
        raise Unsupported(f"the protocol {protocol}")
    conversation = CLIENTS[protocol].read_request(body)
    written: dict[str, Any] = SERVERS["chat"].write_request(conversation, model, PLAIN).body
    return written
