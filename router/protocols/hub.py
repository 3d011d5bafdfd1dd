"""The protocols that the hub translates between: one row each, four functions a row.

A row may lack what nobody speaks on that side: a protocol of backends alone reads no requests and
writes no answers.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from router.protocols import (
    chat_answer,
    chat_read,
    chat_reader,
    chat_write,
    gemini_answer,
    gemini_reader,
    gemini_write,
    messages_answer,
    messages_read,
    messages_reader,
    messages_write,
    replicate,
)
from router.protocols.answer import Answer
from router.protocols.conversation import Conversation, Written
from router.protocols.events import StreamReader
from router.protocols.quirks import Quirks


@dataclass(frozen=True, slots=True)
class HubRow:
    """How one protocol is read and written."""

    write_request: Callable[[Conversation, str, Quirks], Written]
    read_answer: Callable[[Mapping[str, Any]], Answer]
    reader: Callable[[], StreamReader]
    read_request: Callable[[Mapping[str, Any]], Conversation] | None = None


HUB: Final[Mapping[str, HubRow]] = MappingProxyType(
    {
        "chat": HubRow(
            chat_write.write_request,
            chat_answer.read_answer,
            chat_reader.ChatReader,
            chat_read.read_request,
        ),
        "messages": HubRow(
            messages_write.write_request,
            messages_answer.read_answer,
            messages_reader.MessagesReader,
            messages_read.read_request,
        ),
        "gemini": HubRow(
            gemini_write.write_request, gemini_answer.read_answer, gemini_reader.GeminiReader
        ),
        "replicate": HubRow(
            replicate.write_request, replicate.read_answer, replicate.ReplicateReader
        ),
    }
)
