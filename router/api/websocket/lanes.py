"""The order of a connection's responses: one at a time in a lane, lanes side by side."""

from collections import deque
from collections.abc import Callable
from typing import Final

from router.api.websocket.turn import Turn
from router.errors import BadRequest

MOST_RUNNING: Final = 16  # at a time
MOST_NAMED: Final = 32  # lanes, besides the one without a name
MOST_WAITING: Final = 64  # until nothing more is read


class Lanes:
    """Turns that run and turns that wait; `begin` starts one."""

    __slots__ = (
        "_begin",
        "_busy",
        "_most_bytes",
        "_names",
        "_waiting",
        "_waiting_bytes",
        "running",
    )

    def __init__(self, begin: Callable[[Turn], None], most_bytes: int) -> None:
        """`most_bytes` may wait until nothing more is read."""
        self._begin = begin
        self._most_bytes = most_bytes
        self._names: set[str] = set()
        self._busy: set[str] = set()
        self._waiting: deque[Turn] = deque()
        self._waiting_bytes = 0
        self.running: set[Turn] = set()

    @property
    def full(self) -> bool:
        """Whether so much waits that nothing more should be read."""
        return len(self._waiting) >= MOST_WAITING or self._waiting_bytes > self._most_bytes

    def add(self, turn: Turn) -> None:
        """Start a turn, or let it wait. Raises BadRequest where its lane is one too many."""
        lane = turn.lane
        if lane and lane not in self._names:
            if len(self._names) >= MOST_NAMED:
                raise BadRequest(
                    f"A connection has at most {MOST_NAMED} lanes. Use one of them again as "
                    "'stream_id', or open another connection.",
                    param="stream_id",
                    code="websocket_stream_limit_reached",
                )
            self._names.add(lane)
        self._waiting.append(turn)
        self._waiting_bytes += turn.size
        self._go_on()

    def over(self, turn: Turn) -> None:
        """Note that a turn is over, and start what waited for it."""
        self.running.discard(turn)
        self._busy.discard(turn.lane)
        self._go_on()

    def drop_waiting(self) -> list[Turn]:
        """Forget the turns that wait, and return them."""
        dropped = list(self._waiting)
        for turn in dropped:
            turn.unload()
        self._waiting.clear()
        self._waiting_bytes = 0
        return dropped

    def _go_on(self) -> None:
        while len(self.running) < MOST_RUNNING:
            turn = next((turn for turn in self._waiting if turn.lane not in self._busy), None)
            if turn is None:
                return
            self._waiting.remove(turn)
            self._waiting_bytes -= turn.size
            self._busy.add(turn.lane)
            self.running.add(turn)
            self._begin(turn)
