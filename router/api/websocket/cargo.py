"""The room of a large message, from when it is known to be one until its turn is over.

How long a message is nobody knows before it is there, so it takes room for the largest one, and
gives back what it did not need. Until there is room, its connection is not read.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from router.api.body_room import TIMES, BodyRoom
from router.api.gateway import Limits
from router.errors import BodyTooSlow, TurnoutError

_TOO_SLOW: Final = "The message did not arrive within {:g} seconds."


class Cargo:
    """One such message. `size` is of how many bytes it has the room; `waits` until it has any."""

    __slots__ = ("_arrived", "_refuse", "_room", "_task", "size", "waits")

    def __init__(
        self,
        room: BodyRoom,
        limits: Limits,
        authorization: bytes | None,
        *,
        read_on: Callable[[], None],
        refuse: Callable[[TurnoutError], None],
    ) -> None:
        """`read_on` is called once there is room, `refuse` where there is none, or no message."""
        self.size = 0
        self.waits = True
        self._room = room
        self._refuse = refuse
        loop = asyncio.get_running_loop()
        self._arrived: asyncio.Future[int] = loop.create_future()
        self._task = loop.create_task(self._hold(limits, authorization, read_on))

    def arrived(self, size: int) -> None:
        """The message is there, with so many bytes."""
        if not self._arrived.done():
            self._arrived.set_result(size)

    def leave(self) -> None:
        """Nobody needs the message any more."""
        self._task.cancel()

    async def _hold(
        self, limits: Limits, authorization: bytes | None, read_on: Callable[[], None]
    ) -> None:
        try:
            berth = await self._room.enter(authorization, TIMES * limits.body)
            self.size, self.waits = limits.body, False
            read_on()
            async with asyncio.timeout(limits.body_timeout):
                self.size = await self._arrived
        except TimeoutError:
            self._give_up(BodyTooSlow(_TOO_SLOW.format(limits.body_timeout)))
        except TurnoutError as error:
            self._give_up(error)
        else:
            berth.resize(TIMES * self.size)
            await asyncio.Event().wait()  # until it leaves, which gives back the rest

    def _give_up(self, error: TurnoutError) -> None:
        self.waits = True  # for ever: its connection is read no more
        self._refuse(error)
