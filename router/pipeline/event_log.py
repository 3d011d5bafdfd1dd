"""The events of a response that is worked on here: until they are stored, and for those who follow.

Followers read from here what is new, and from the database what was told long ago: what is stored
is held up to a bound, what is not yet stored always.
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Final

from router.stored.run import Chunk

_MOST_HELD: Final = 1_000_000  # bytes of stored events


class EventLog:
    """Numbers begin at 0 and have no gaps. `waiting` are the bytes of what is not stored."""

    def __init__(self, most_held: int = _MOST_HELD) -> None:
        self._events: deque[bytes] = deque()
        self._first = 0  # that is held
        self._stored = 0  # the first that is not
        self._held = 0  # bytes of the stored ones
        self._most_held = most_held
        self._news = asyncio.Event()
        self.waiting = 0
        self.closed = False

    def __len__(self) -> int:
        """How many there were."""
        return self._first + len(self._events)

    def add(self, events: Iterable[bytes]) -> None:
        """Tell these."""
        for event in events:
            self._events.append(event)
            self.waiting += len(event)
        self._wake()

    def close(self) -> None:
        """No others will come, here."""
        self.closed = True
        self._wake()

    def chunk(self) -> Chunk | None:
        """What waits to be stored, if anything."""
        last = len(self) - 1
        if self._stored > last:
            return None
        waiting = list(self._events)[self._stored - self._first :]
        return Chunk(self._stored, last, b"".join(waiting))

    def stored(self, chunk: Chunk) -> None:
        """Note that this is stored; forget the oldest of what is, over the bound."""
        self._stored = chunk.last + 1
        self._held += len(chunk.events)
        self.waiting -= len(chunk.events)
        while self._held > self._most_held:
            self._held -= len(self._events.popleft())
            self._first += 1

    def since(self, after: int) -> list[bytes] | None:
        """The events behind a number; None where they are no longer held."""
        if after + 1 < self._first:
            return None
        return list(self._events)[after + 1 - self._first :]

    async def news(self, seconds: float) -> bool:
        """Wait for more, or the end; false where so many seconds passed without."""
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return False
        return True

    def _wake(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()
