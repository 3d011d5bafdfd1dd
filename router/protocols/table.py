"""The wire protocols: one row each."""

from types import MappingProxyType
from typing import Final

from router.protocols.chat_passage import ChatPassage
from router.protocols.envelope import error_body, error_event
from router.protocols.messages_errors import message_error_body, message_error_event
from router.protocols.messages_passage import MessagesPassage
from router.protocols.protocol import WireProtocol
from router.protocols.sse import encode
from router.protocols.transcript import (
    read_chat_body,
    read_chat_stream,
    read_message_body,
    read_message_stream,
)
from router.protocols.wanted import chat_wanted, message_wanted

_ROWS: Final = (
    WireProtocol(
        "chat",
        ChatPassage(),
        error_body,
        error_event,
        b": keepalive\n\n",
        read_chat_body,
        read_chat_stream,
        chat_wanted,
    ),
    WireProtocol(
        "messages",
        MessagesPassage(),
        message_error_body,
        message_error_event,
        encode(b'{"type":"ping"}', b"ping"),
        read_message_body,
        read_message_stream,
        message_wanted,
    ),
)
PROTOCOLS: Final[MappingProxyType[str, WireProtocol]] = MappingProxyType(
    {row.name: row for row in _ROWS}
)
