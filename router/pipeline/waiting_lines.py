"""Requests that wait until a limit on a rate frees up: those of each key in a line of its own."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

Key = tuple[str, str]  # an organization, and a key of it


class Lines:
    """First come, first served: who is first in a line asks for all that stand in it."""

    __slots__ = ("_lines",)

    def __init__(self) -> None:
        self._lines: dict[Key, deque[asyncio.Future[None]]] = {}

    def waiting(self, key: Key) -> int:
        """Return how many of a key wait."""
        return len(self._lines.get(key, ()))

    @asynccontextmanager
    async def turn(self, key: Key, seconds: float) -> AsyncIterator[None]:
        """Stand in line until nobody is before, and be first in it within the block.

        Raises TimeoutError where somebody still is after so many seconds.
        """
        line = self._lines.setdefault(key, deque())
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        line.append(place)
        try:
            if line[0] is not place:
                await asyncio.wait((place,), timeout=seconds)  # which cancels nothing
                if not place.done():
                    raise TimeoutError
            yield
        finally:
            line.remove(place)
            if not line:
                del self._lines[key]
            elif not line[0].done():
                line[0].set_result(None)
