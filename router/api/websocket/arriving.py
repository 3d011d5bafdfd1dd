"""Messages on their way: the room that they take, and their turn to be read, as bodies have it.

Theory of operation. What a connection takes in one go costs no room. A message that is longer takes
room before more of it is read: for a large one, then for as much as one may have; once it is there,
it keeps what it needs until its response is over. While there is no room, its connection is
not read. A large one waits for its turn to be read, and what came behind it waits with it.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Final, Protocol

from router.api.body_room import LARGE, TIMES, Berth, need_of
from router.api.gateway import Limits
from router.errors import BodyTooSlow, TurnoutError

Work = Callable[[], Coroutine[None, None, None]]
FREE_BYTES: Final = 65_536  # of a message that is not all there


class Receiver(Protocol):
    """The connection, as its messages see it."""

    def pause(self) -> None:
        """Read no more for now."""

    def go_on(self) -> None:
        """Read on, unless something else forbids it."""

    def message(self, raw: bytes, berth: Berth | None) -> None:
        """Take a message; whoever serves it gives the room back."""

    def refuse(self, error: TurnoutError) -> None:
        """Say why no more is taken, and close."""


class Arriving:
    """The messages of one connection, until each is there and read. `waits`: nothing more should be
    read for now.
    """

    __slots__ = (
        *("_allowed", "_berth", "_credential", "_here", "_late", "_limits", "_loop"),
        *("_receiver", "_task", "_whole"),
    )

    def __init__(
        self,
        receiver: Receiver,
        limits: Limits,
        credential: bytes | None,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._receiver = receiver
        self._limits = limits
        self._credential = credential
        self._loop = loop
        self._here = 0  # bytes of the message that is not all there
        self._allowed = FREE_BYTES
        self._berth: Berth | None = None
        self._late: asyncio.TimerHandle | None = None
        self._whole: deque[tuple[bytes, Berth | None]] = deque()  # to be read, in order
        self._task: asyncio.Task[None] | None = None

    @property
    def waits(self) -> bool:
        """Whether a message waits for room, or for its turn."""
        return self._task is not None

    def here(self, size: int) -> None:
        """So many bytes are here of a message that is not all there."""
        self._here = size
        if self._limits.room is not None and size > self._allowed and self._task is None:
            self._start(self._enter)

    def whole(self, raw: bytes) -> None:
        """A message is all there."""
        berth, self._berth = self._berth, None
        self._here, self._allowed = 0, FREE_BYTES
        self._in_time()
        if berth is not None:
            berth.resize(need_of(raw))
        if self._task is None and (self._limits.room is None or len(raw) <= LARGE):
            self._receiver.message(raw, berth)
            return
        self._whole.append((raw, berth))
        if self._task is None:
            self._start(self._read)

    def close(self) -> None:
        """Give all room back: nothing is read any more."""
        self._in_time()
        if self._task is not None:
            self._task.cancel()
        waiting = [self._berth, *(berth for _, berth in self._whole)]
        self._berth = None
        self._whole.clear()
        for berth in waiting:
            if berth is not None:
                berth.leave()

    def _start(self, work: Work) -> None:
        self._receiver.pause()
        self._task = self._loop.create_task(self._until_done(work))

    async def _until_done(self, work: Work) -> None:
        try:
            await work()
        except TurnoutError as error:
            self._receiver.refuse(error)
        finally:
            self._task = None
            self._receiver.go_on()

    async def _enter(self) -> None:
        """Take room for what is here, and for more of it."""
        room, most = self._limits.room, self._limits.body
        while room is not None and self._here > self._allowed:
            allowed = LARGE if self._allowed < LARGE < most else max(most, self._here)
            berth = await room.berth(self._credential, TIMES * (allowed - self._allowed))
            if self._berth is None:
                self._berth = berth
                seconds = self._limits.body_timeout
                self._late = self._loop.call_later(seconds, self._too_late)
            else:
                self._berth.join(berth)
            self._allowed = allowed

    async def _read(self) -> None:
        while self._whole:
            raw, berth = self._whole.popleft()
            try:
                if self._limits.room is not None and len(raw) > LARGE:
                    await self._limits.room.turn(self._credential, len(raw))
            except BaseException:
                if berth is not None:
                    berth.leave()
                raise
            self._receiver.message(raw, berth)

    def _too_late(self) -> None:
        seconds = self._limits.body_timeout
        self._receiver.refuse(
            BodyTooSlow(f"The message did not arrive within {seconds:g} seconds.")
        )

    def _in_time(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
