"""What uvicorn's connections share, with a date that is made when an answer needs one.

uvicorn wakes ten times a second to keep the date right, at rest too.
"""

import time
from collections.abc import Callable
from email.utils import formatdate

from uvicorn.server import ServerState

Pairs = list[tuple[bytes, bytes]]


class DatedState(ServerState):
    """uvicorn's state whose `default_headers` hold the present second.

    It is the same list until the second or the list itself changes, so that whoever writes its
    lines may write them once.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._second = 0
        self._dated: Pairs = []
        self._others: Pairs = []
        super().__init__()

    @property
    def default_headers(self) -> Pairs:
        """The headers of every answer; what is set here comes after the date."""
        second = int(self._clock())
        if second != self._second:
            self._second = second
            date = formatdate(second, usegmt=True).encode()
            self._dated = [(b"date", date), *self._others]
        return self._dated

    @default_headers.setter
    def default_headers(self, headers: Pairs) -> None:
        self._others, self._second = headers, 0
