"""When keys were last used: noted in memory, written in batches, a minute apart."""

import time
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from router.customers.noting import Noting

_MOST: Final = 100_000
_FAILED: Final = "cannot note when %d keys were last used"


class NotesUse(Protocol):
    """Where it is written: see `router.customers.keys`. It blocks, and may raise DatabaseError."""

    def used(self, last_used: Mapping[str, int]) -> None:
        """Note when keys were last used, in milliseconds of Unix time."""


class LastUse(Noting[str, int]):
    """Of more keys than 100,000 in a minute, the rest is not noted."""

    def __init__(self, store: NotesUse, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(store.used, _FAILED, clock)

    def note(self, key_id: str, at_ms: int) -> None:
        """Note that a key was used."""
        noted = self.noted
        if key_id in noted or len(noted) < _MOST:
            noted[key_id] = at_ms
