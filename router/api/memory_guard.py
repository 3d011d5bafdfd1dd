"""Memory that runs out: new requests are turned away in time, those of the lowest priority first.

Theory of operation. Every second this process looks at what it takes of the memory that it may
use. Beyond the first mark, whoever comes with a key of a tier of low priority is answered 503
before anything of its body is read; beyond the second those of normal priority too, beyond the
third all. What is served already goes on. The way in is the authenticator, which is exchanged while
memory is short: at other times no request pays for this.
"""

import asyncio
import contextlib
import ctypes
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from router.domain import Principal
from router.errors import Overloaded, retry_after
from router.pipeline.serving import Authenticates, Serving

_LOG = logging.getLogger(__name__)
MARKS: Final = (0.80, 0.90, 0.95)  # parts of the memory: one priority more is turned away at each
_BACK: Final = 0.05  # below a mark, before it counts as left
_EVERY_SECONDS: Final = 1.0
_COME_BACK_MS: Final = 2_000
_SHORT: Final = "The gateway is short of memory and serves other tiers first. Try again."
_OWN: Final = Path("/proc/self/statm")
_LIMITS: Final = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
_LOWEST_RANK: Final = 2
ROOM_PART: Final = 4  # bodies on their way may take this part of the memory


def usable_memory() -> int:
    """Return the bytes that this process may use: the machine's, or its container's if fewer."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in _LIMITS:
        with contextlib.suppress(OSError, ValueError):  # no such file; "max"
            found.append(int(path.read_text()))
    return min(found)


def own_memory() -> int:
    """Return the bytes that this process has in memory; 0 where the system does not tell."""
    try:
        return int(_OWN.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def give_back_freed() -> None:
    """Let the system have what was freed; where the C library cannot, nothing happens."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


class _Guarded:
    """Authenticates, and turns away tiers from a rank on."""

    def __init__(self, inner: Authenticates, guard: "MemoryGuard", serving: Serving) -> None:
        self._inner = inner
        self._guard = guard
        self._serving = serving

    def __len__(self) -> int:
        return len(self._inner)

    def authenticate(self, authorization: bytes | None) -> Principal:
        """Return who asks. Raises Unauthenticated, Overloaded."""
        principal = self._inner.authenticate(authorization)
        rank = self._serving.snapshot.standing_of(principal).priority.rank
        if rank > _LOWEST_RANK - self._guard.level:
            self._guard.turned_away += 1
            raise Overloaded(_SHORT, headers=retry_after(_COME_BACK_MS))
        return principal


class MemoryGuard:
    """`level` is how many priorities are turned away, 0 to 3; `used` the bytes when it looked."""

    def __init__(
        self, serving: Serving, most: int, measure: Callable[[], int] = own_memory
    ) -> None:
        self.level = 0
        self.used = 0
        self.most = most
        self.turned_away = 0
        self._serving = serving
        self._measure = measure
        self._open = serving.authenticator
        self._guarded = _Guarded(serving.authenticator, self, serving)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.create_task(self._watch(), name="memory guard")

    async def close(self) -> None:
        """Stop, and let everybody in."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._serving.authenticator = self._open

    def look(self) -> None:
        """Look once, and let in or turn away by what is there."""
        self.used = self._measure()
        part = self.used / self.most
        level = sum(part >= mark - (_BACK if self.level > n else 0) for n, mark in enumerate(MARKS))
        if level == self.level:
            return
        self.level = level
        self._serving.authenticator = self._guarded if level else self._open
        told = {"used": self.used, "most": self.most, "level": level}
        if level:
            _LOG.warning("short of memory: tiers of low priority are turned away", extra=told)
        else:
            _LOG.info("no longer short of memory", extra=told)

    async def _watch(self) -> None:
        while True:
            self.look()
            if self.level:
                await asyncio.to_thread(give_back_freed)
            await asyncio.sleep(_EVERY_SECONDS)
