"""The wire protocols: one row each."""

from dataclasses import replace
from types import MappingProxyType
from typing import Final

from router.protocols.chat import answer_reader as chat_answers
from router.protocols.chat.passage import ChatPassage
from router.protocols.chat.stream_reader import ChatReader
from router.protocols.declared import DeclaredPassage
from router.protocols.endings import chat_ending, content_ending, message_ending, response_ending
from router.protocols.envelope import error_body, error_event
from router.protocols.gemini import answer_reader as gemini_answers
from router.protocols.gemini.array import (
    KEEPALIVE,
    ArrayPassage,
    array_error_body,
    array_error_event,
    array_reader,
)
from router.protocols.gemini.errors import content_error_body, content_error_event
from router.protocols.gemini.passage import GeminiPassage
from router.protocols.gemini.stream_reader import GeminiReader
from router.protocols.messages import answer_reader as messages_answers
from router.protocols.messages.errors import message_error_body, message_error_event
from router.protocols.messages.passage import MessagesPassage
from router.protocols.messages.stream_reader import MessagesReader
from router.protocols.openai.answer import TextReader, read_answer
from router.protocols.openai.passage import OpenAIPassage
from router.protocols.openai.pictures import PicturesPassage
from router.protocols.openai.ranking import RankingPassage
from router.protocols.openai.speech import SoundPassage, SpeechPassage
from router.protocols.openai.tokens import TokensPassage
from router.protocols.openai.transcripts import TranscriptsPassage
from router.protocols.passage import Passage
from router.protocols.protocol import WireProtocol
from router.protocols.reading import body_reader, stream_reader
from router.protocols.responses import answer_reader as responses_answers
from router.protocols.responses.errors import response_error_event
from router.protocols.responses.passage import ResponsesPassage
from router.protocols.responses.stream_reader import ResponsesReader
from router.protocols.responses.tools import response_wanted
from router.protocols.sse import encode
from router.protocols.wanted import chat_wanted, content_wanted, message_wanted, nothing_wanted


def _like_openais(
    name: str, passage: Passage, keepalive: bytes = b": keepalive\n\n"
) -> WireProtocol:
    """A protocol with OpenAI's errors, whose answers no verifier checks but for completions."""
    return WireProtocol(
        name,
        passage,
        error_body,
        error_event,
        keepalive,
        body_reader(read_answer),
        stream_reader(TextReader),
        nothing_wanted,
        chat_ending,
    )


_read_content: Final = body_reader(gemini_answers.read_answer)
_read_contents: Final = stream_reader(GeminiReader)
_DECLARED: Final = _like_openais("declared", DeclaredPassage(), keepalive=b"")
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
    _like_openais("openai", OpenAIPassage()),
    _like_openais("ranking", RankingPassage()),
    _like_openais("pictures", PicturesPassage()),
    _like_openais("sounds", SoundPassage(), keepalive=b""),
    _like_openais("speech", SpeechPassage()),
    _like_openais("transcripts", TranscriptsPassage()),
    _like_openais("tokens", TokensPassage()),
    _DECLARED,
    replace(
        _DECLARED,
        name="declared_message",
        error_body=message_error_body,
        error_event=message_error_event,
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
        "gemini",
        GeminiPassage(),
        content_error_body,
        content_error_event,
        b": keepalive\n\n",
        _read_content,
        _read_contents,
        content_wanted,
        content_ending,
    ),
    WireProtocol(
        "gemini_array",
        ArrayPassage(),
        array_error_body,
        array_error_event,
        KEEPALIVE,
        _read_content,
        array_reader(_read_contents),
        content_wanted,
        content_ending,
        streams_as="application/json",
        error_first=array_error_body,
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
    replace(_like_openais("compactions", ResponsesPassage()), ending=response_ending),
)
PROTOCOLS: Final[MappingProxyType[str, WireProtocol]] = MappingProxyType(
    {row.name: row for row in _ROWS}
)
