"""The room that bodies on their way have together, and the order in which large ones are read.

Theory of operation. A body that comes with its head takes room if it is not small, any other one
before more of it is read:
TIMES its announced size, since it is in memory as it came, as it was read and as it goes out. Once
it is there it takes what it needs, which may be more (`need_of`): that waits for nobody, so whoever
is let in can finish. All is given back when its request is over. Where there is no room, its
connection is not read: the client's own system holds what it sends. A customer alone may take half
of the room, and of what others leave always half: so there is room for whoever comes next. Who
waits is let in by the priority of its tier, then by customer (`router.fairness`), and is refused
after `wait` seconds.

A large body takes milliseconds to be read, in which nothing else runs. So large ones take turns,
in the same order, and after each there is a rest as long as its reading may take: half of the
event loop's time is for everybody else.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from router.errors import LimitExceeded, Overloaded, retry_after
from router.fairness import Line, Ticket
from router.protocols.beside import may_widen

TIMES: Final = 3  # what came, what was read of it, what goes out
_WIDE: Final = 3  # times more, where characters may take four bytes each
LARGE: Final = 65_536  # bytes of a body that takes room however it comes, and turns
SECONDS_PER_BYTE: Final = 15e-9  # what all work on one takes, and a rest nearly as long
MOST_WAITING: Final = 1_000  # requests; their connections are bounded besides
REASONS: Final = ("share", "room")
_COME_BACK_MS: Final = 1_000
_SHARE: Final = (
    "Too much of your organization's requests is on its way to this gateway at once. Send fewer "
    "large requests at a time."
)
_ROOM: Final = "The gateway has no room for another large request at the moment. Try again."

Who = Callable[[bytes | None], tuple[int, str]]  # a credential's rank and customer


_Waiting = Ticket[asyncio.Future[None]]


def need_of(body: bytes | bytearray) -> int:
    """Return the bytes that a body takes at most until its request is over.

    One character beyond ASCII may make a text four times as large in memory as it came.
    """
    narrow = len(body) <= LARGE or not may_widen(body)
    return (TIMES if narrow else TIMES + _WIDE) * len(body)


class Berth:
    """The room that one body has; it ends with the task of its request."""

    __slots__ = ("_room", "customer", "size")

    def __init__(self, room: "BodyRoom", customer: str, size: int) -> None:
        self._room = room
        self.customer = customer
        self.size = size

    def resize(self, size: int) -> None:
        """Give back what the body does not need, or take what it needs besides."""
        spare, self.size = self.size - size, size
        if spare > 0:
            self._room.give_back(self.customer, spare)
        elif spare:
            self._room.take(self.customer, -spare)

    def leave(self, _task: object = None) -> None:
        """Give back all of it."""
        self.resize(0)


class BodyRoom:
    """`total` bytes for all bodies on their way; `who` says whose they are.

    `held` are the bytes taken; `refused` counts who was sent away, by why.
    """

    def __init__(self, total: int, wait: float, who: Who) -> None:
        self.total = total
        self.held = 0
        self.refused: dict[str, int] = dict.fromkeys(REASONS, 0)
        self._wait = wait
        self._who = who
        self._held_by: dict[str, int] = {}
        self._line: Line[asyncio.Future[None]] = Line(asyncio.Future.done)  # for room
        self._readers: Line[asyncio.Future[None]] = Line(asyncio.Future.done)  # for their turn
        self._free_at = 0.0  # when the loop is free for the next large body
        self._timer: asyncio.TimerHandle | None = None

    @property
    def waiting(self) -> int:
        """How many requests wait, for room or for their turn."""
        return len(self._line) + len(self._readers)

    async def enter(self, authorization: bytes | None, size: int) -> Berth:
        """Take room for a body, until the task that asks is over.

        Raises LimitExceeded where its customer has too much on its way, Overloaded where all have,
        Unauthenticated.
        """
        rank, customer = self._who(authorization)
        if self._line or not self._fits(customer, size):
            await self._queue(rank, customer, size)
        else:
            self.take(customer, size)
        berth = Berth(self, customer, size)
        task = asyncio.current_task()
        if task is not None:
            task.add_done_callback(berth.leave)
        return berth

    async def _queue(self, rank: int, customer: str, size: int) -> None:
        if len(self._line) >= MOST_WAITING:
            self._make_room(rank, customer, size)
        called: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = self._line.join(rank, customer, called, size)
        self._let_in()  # another customer's may wait for its own share alone
        try:
            async with asyncio.timeout(self._wait):
                await called
        except TimeoutError:
            if not _was_called(called):
                raise self._refusal(customer, size) from None
        except asyncio.CancelledError:
            if _was_called(called):
                self.give_back(customer, size)
            raise
        finally:
            if not _was_called(called):
                self._line.leave(waiting)
                self._let_in()

    def _make_room(self, rank: int, customer: str, size: int) -> None:
        """Send the newest of whoever has most in a full line away; else raise the refusal."""
        last = self._line.greediest(rank, customer)
        if last is None:
            raise self._refusal(customer, size)
        self._line.leave(last)
        if not last.item.done():
            last.item.set_exception(self._refusal(str(last.customer), last.cost))

    def _refusal(self, customer: str, size: int) -> LimitExceeded | Overloaded:
        headers = retry_after(_COME_BACK_MS)
        beyond_half = 2 * self._held_by.get(customer, 0) + size > self.total
        if beyond_half or size <= self.total - self.held:
            self.refused["share"] += 1
            return LimitExceeded(_SHARE, headers=headers)
        self.refused["room"] += 1
        return Overloaded(_ROOM, headers=headers)

    def _fits(self, customer: str, size: int) -> bool:
        free = self.total - self.held
        mine = self._held_by.get(customer, 0)
        if not self.held:
            return True  # one may be larger than all of the room
        return size <= free and (not mine or mine + size <= free)

    def take(self, customer: str, size: int) -> None:
        """Take room, whether there is any or not."""
        self.held += size
        self._held_by[customer] = self._held_by.get(customer, 0) + size

    def give_back(self, customer: str, size: int) -> None:
        """Give room back, and let in who waits for it."""
        self.held -= size
        left = self._held_by[customer] - size
        if left:
            self._held_by[customer] = left
        else:
            del self._held_by[customer]
        if self._line:
            self._let_in()

    def _let_in(self) -> None:
        """Let in whoever fits, in order; who is held up by its own share holds up nobody."""
        while (head := self._next_in()) is not None:
            self.take(str(head.customer), head.cost)
            self._line.served(head)
            head.item.set_result(None)

    def _next_in(self) -> _Waiting | None:
        for head in self._line.heads():
            if self._fits(str(head.customer), head.cost):
                return head
            if head.cost > self.total - self.held:
                return None  # the next must not overtake it for ever
        return None

    # Turns to be read.

    def turn(self, authorization: bytes | None, size: int) -> Awaitable[None]:
        """Wait until a body of this size, that is there, may be read. Raises Unauthenticated."""
        loop = asyncio.get_running_loop()
        called: asyncio.Future[None] = loop.create_future()
        if not self._readers and loop.time() >= self._free_at:
            self._free_at = loop.time() + size * SECONDS_PER_BYTE
            called.set_result(None)
            return called
        rank, customer = self._who(authorization)
        self._readers.join(rank, customer, called, size)
        if self._timer is None:
            self._timer = loop.call_at(self._free_at, self._next)
        return called

    def _next(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        for reader in self._readers.heads():
            self._free_at = loop.time() + reader.cost * SECONDS_PER_BYTE
            self._readers.served(reader)
            reader.item.set_result(None)
            break
        if self._readers:
            self._timer = loop.call_at(self._free_at, self._next)


def _was_called(called: asyncio.Future[None]) -> bool:
    return called.done() and not called.cancelled() and called.exception() is None
