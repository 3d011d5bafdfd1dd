"""A caller whose chat is kept: it is stored before its end is told, and told as it came.

Theory of operation. A chat may be retrieved as soon as its client knows that it is whole, at any
gateway. So a whole answer is stored, and then sent; of a stream only the block with its end waits.
No byte is changed: what could not be stored in time is not there, and the log says so.
"""

import logging
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import orjson

from router.pipeline.caller import Caller
from router.pipeline.keeping import Adds, KeepingCaller
from router.protocols.beside import beside_if_large
from router.protocols.chat.kept import (
    document_of,
    ends,
    gathered,
    is_chat_id,
    stored_name,
)
from router.protocols.responses.kept import Kept
from router.stored.response import StoredResponse

_LOG = logging.getLogger(__name__)
_MOST: Final = 64 * 1024 * 1024  # bytes of a stream
_NOTHING: Final = Kept(None, None, wanted=False)


def _read(given: Mapping[str, Any], answer: bytes, *, streamed: bool) -> tuple[bytes, Any]:
    """What is stored of a request and its answer, and how that is called."""
    completion: Any = gathered(answer) if streamed else orjson.loads(answer)
    return document_of(given, completion), completion["id"]


class KeepingChatCaller(KeepingCaller):
    """See `KeepingCaller`; what is kept is a chat."""

    def __init__(
        self,
        caller: Caller,
        shelf: Adds,
        organization: str,
        given: Mapping[str, Any],
        *,
        asked: int = 0,
    ) -> None:
        """`given` is the body of the request, of `asked` bytes."""
        super().__init__(caller, shelf, organization, "", _NOTHING, asked=asked)
        self._given = given
        self._blocks: list[bytes] = []
        self._size = 0

    def put(self, data: bytes) -> bool:
        """Send a block, if that needs no waiting; the last one does."""
        if ends(data) or not self._caller.put(data):
            return False
        self._note(data)
        return True

    async def write(self, data: bytes) -> None:
        """Send a block; the chat is stored before its last one."""
        self._note(data)
        if ends(data):
            await self._keep(b"".join(self._blocks), streamed=True)
        await self._caller.write(data)

    def _note(self, data: bytes) -> None:
        self._size += len(data)
        if self._size <= _MOST:
            self._blocks.append(data)

    async def end(self) -> None:
        """Finish a stream."""
        await self._caller.end()

    async def send(self, body: bytes, status: int = 200) -> None:
        """Store a whole answer, and send it."""
        await self._keep(body, streamed=False)
        await self._caller.send(body, status)

    async def _keep(self, answer: bytes, *, streamed: bool) -> None:
        reading = partial(_read, self._given, answer, streamed=streamed)
        try:
            document, id_ = await beside_if_large(self._asked + len(answer), reading)
        except (ValueError, TypeError, KeyError, AttributeError):
            document, id_ = b"", None
        if not is_chat_id(id_) or self._size > _MOST:
            self._unread()
            return
        name = stored_name(self._organization, id_)
        await self._shelf.add(self._organization, StoredResponse(name, None, document))
