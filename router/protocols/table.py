"""The wire protocols: one row each."""

from types import MappingProxyType
from typing import Final

from router.protocols.chat import answer_reader as chat_answers
from router.protocols.chat.passage import ChatPassage
from router.protocols.chat.stream_reader import ChatReader
from router.protocols.endings import chat_ending, message_ending, response_ending
from router.protocols.envelope import error_body, error_event
from router.protocols.messages import answer_reader as messages_answers
from router.protocols.messages.errors import message_error_body, message_error_event
from router.protocols.messages.passage import MessagesPassage
from router.protocols.messages.stream_reader import MessagesReader
from router.protocols.openai.answer import TextReader, read_answer
from router.protocols.openai.passage import OpenAIPassage
from router.protocols.protocol import WireProtocol
from router.protocols.reading import body_reader, stream_reader
from router.protocols.responses import answer_reader as responses_answers
from router.protocols.responses.errors import response_error_event
from router.protocols.responses.passage import ResponsesPassage
from router.protocols.responses.stream_reader import ResponsesReader
from router.protocols.responses.tools import response_wanted
from router.protocols.sse import encode
from router.protocols.wanted import chat_wanted, message_wanted, nothing_wanted

_ROWS: Final = (
    WireProtocol(
        "chat",
        ChatPassage(),
        error_body,
        error_event,
        b": keepalive\n\n",
        body_reader(chat_answers.read_answer),
        stream_reader(ChatReader),
        chat_wanted,
        chat_ending,
    ),
    WireProtocol(
        "openai",
        OpenAIPassage(),
        error_body,
        error_event,
        b": keepalive\n\n",
        body_reader(read_answer),
        stream_reader(TextReader),
        nothing_wanted,
        chat_ending,
    ),
    WireProtocol(
        "messages",
        MessagesPassage(),
        message_error_body,
        message_error_event,
        encode(b'{"type":"ping"}', b"ping"),
        body_reader(messages_answers.read_answer),
        stream_reader(MessagesReader),
        message_wanted,
        message_ending,
    ),
    WireProtocol(
        "responses",
        ResponsesPassage(),
        error_body,
        response_error_event,
        b": keepalive\n\n",
        body_reader(responses_answers.read_answer),
        stream_reader(ResponsesReader),
        response_wanted,
        response_ending,
    ),
)
PROTOCOLS: Final[MappingProxyType[str, WireProtocol]] = MappingProxyType(
    {row.name: row for row in _ROWS}
)
