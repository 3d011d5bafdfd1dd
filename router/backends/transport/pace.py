"""Whether an answer comes, or only drips, so that a server keeps a slot by a byte now and then.

Silence has its own timeout, and a model that thinks says something whole now and then: an event, a
comment, an empty line. So few bytes are only held against a server that is in the middle of a line,
and is so again at the next look.
Nothing is counted before an answer has taken as long as one silence may: mostly, nothing ever is.
"""

from collections.abc import Callable
from typing import Final

from router.backends.transport.transport import TransportTimeout
from router.backends.transport.waiting import Waiting

Take = Callable[[bytes], bool]
_WHOLE: Final = b"\n\r \t"  # how an event, a line, or what keeps a connection alive may end
_DRIPS: Final = "sent next to nothing for long"


class Pace:
    """The bytes of an answer that came since the last look."""

    __slots__ = ("_came", "_doubted", "_ended", "_least", "_since")

    def __init__(self, least: int, now: float) -> None:
        """`least` are bytes a second; `now` is an instant of any clock."""
        self._least = least
        self._since = now
        self._came = 0
        self._ended = True
        self._doubted = False

    def take(self, data: bytes) -> None:
        """Note what came."""
        if data:
            self._came += len(data)
            self._ended = data[-1:] in _WHOLE

    def counting(self, take: Take) -> Take:
        """Return what does the same as `take` and notes what came."""

        def counted(data: bytes) -> bool:
            self.take(data)
            return take(data)

        return counted

    def look(self, now: float, every: float = 0.0) -> None:
        """Raise TransportTimeout where too little came, and nothing whole, before this look and the
        one before it.

        Not before `every` seconds have passed since then.
        """
        passed = now - self._since
        if passed < every:
            return
        slow = self._came < self._least * passed and not self._ended
        if slow and self._doubted:
            raise TransportTimeout(_DRIPS)
        self._since, self._came, self._doubted = now, 0, slow


class Flow:
    """Pieces of an answer on their way to a taker."""

    __slots__ = ("deadline", "error", "goes_on", "patience", "take")

    def __init__(self, take: Take, patience: float, deadline: float) -> None:
        self.take = take
        self.patience = patience
        self.deadline = deadline
        self.goes_on = True
        self.error: Exception | None = None


class Paced(Waiting):
    """Waits for an answer that may not drip. `least` are bytes a second; 0: it may."""

    __slots__ = ("flowing", "least", "pace")
    flowing: Flow | None
    least: int
    pace: Pace | None  # once the answer takes long

    def still_early(self) -> None:
        """Begin to count; or fail where what was counted is next to nothing."""
        if not self.least or not self.has_lines():
            return
        now = self.loop.time()
        if self.pace is None:
            self.pace = Pace(self.least, now)
            if self.flowing is not None:
                self.flowing.take = self.pace.counting(self.flowing.take)
            return
        try:
            self.pace.look(now)
        except TransportTimeout as late:
            self.fail(late)

    def has_lines(self) -> bool:
        """Whether the body of an answer comes that is not compressed."""
        raise NotImplementedError

    def fail(self, error: TransportTimeout) -> None:
        """End the wait by an error."""
        raise NotImplementedError
