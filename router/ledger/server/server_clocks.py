"""Whether a server's clock jumped, by the time that passed here meanwhile.

Theory of operation. The ledger's time is its server's, and a script sees nothing else: to it, a
clock that was set an hour ahead and an hour in which nobody came are the same. A gateway that lives
across the jump knows better, since its own clock of elapsed time runs through suspensions and is
never set, and so does the process that comes after it (kept_clock.py). So it reads TIME whenever it
connects, before it sends anything else, and with each look of its watch. Where the server's clock
moved by more than time passed, each virtual shard is told what it should say (hold_back.lua),
before any window can end early; a server that refuses to be told is not served by until it lets
itself. A clock that was set back needs nobody: the scripts go on from the last instant that they
gave (clock.lua).
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from router.ledger.keys import Shard
from router.ledger.server.connection import PipelinedConnection
from router.ledger.server.errors import Disconnected, ErrorReply
from router.ledger.server.kept_clock import KeptClock, Reading, boot_id
from router.ledger.server.scripts import Script

_LOG: Final = logging.getLogger("turnout")
_ELAPSED: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_LEAST_MS: Final = 1_000  # a jump that is told from the wire's delays
_APART_MS: Final = 10_000  # as far may the clocks of two nodes be apart
_DRIFT: Final = 1_000  # and from clocks that run apart: a thousandth of what passed
_SECONDS: Final = 2.0
_MINUTE: Final = 60
_HOUR: Final = 3_570_000  # what is an hour to the minute, in milliseconds
Direction = Literal["ahead", "back"]


def elapsed_ms() -> int:
    """Milliseconds of a clock that is never set and does not stop while the machine sleeps."""
    return time.clock_gettime_ns(_ELAPSED) // 1_000_000


@dataclass(frozen=True, slots=True)
class MachineTime:
    """The clocks of this machine: nanoseconds of Unix time, milliseconds that passed, and a name
    of the run that these are of.
    """

    now_ns: Callable[[], int] = field(default=time.time_ns)
    elapsed_ms: Callable[[], int] = field(default=elapsed_ms)
    boot_id: Callable[[], str] = field(default=boot_id)


MACHINE: Final = MachineTime()


class ServerClocks:
    """What the clocks of a ledger's servers said last. `jumps` counts those that were noticed.

    `elapsed`: milliseconds of a clock that nobody sets. `kept`: what the process before this one
    read.
    """

    def __init__(
        self, script: Script, shards: Sequence[Shard], elapsed: Callable[[], int], kept: KeptClock
    ) -> None:
        self._script = script
        self._shards = shards
        self._elapsed = elapsed
        self._seen: dict[PipelinedConnection, Reading] = {}
        self._kept = kept
        self._latest = kept.read(elapsed())
        self.jumps: Counter[Direction] = Counter({"ahead": 0, "back": 0})

    async def look(self, connection: PipelinedConnection) -> int:
        """Read a node's clock, in Unix milliseconds; if it jumped ahead, hold the ledger's time
        back. Works while the connection opens, too. Raises Disconnected, and Refused where the node
        would not have its time held back: then the jump is not forgotten.
        """
        before = self._elapsed()
        seconds, micros = await connection.ask("TIME")
        now, after = int(seconds) * 1000 + int(micros) // 1000, self._elapsed()
        known, least = self._seen.get(connection), _LEAST_MS
        is_new = known is None
        if known is None:  # a node that took over from one that we know, or we are new ourselves
            known, least = self._latest, _APART_MS
        if known is not None:
            passed = after - known.elapsed
            least += passed // _DRIFT
            is_new |= await self._judge(connection, now, known.server + passed, least)
        self._seen[connection] = self._latest = reading = Reading(now, before)
        if is_new:
            self._kept.write(reading)
        return now

    async def _judge(
        self, connection: PipelinedConnection, now: int, expected: int, least: int
    ) -> bool:
        """Whether it jumped; if ahead, the ledger's time is held back."""
        if now > expected + least:
            held = await self._hold_back(connection, expected)
            self.jumps["ahead"] += 1
            _LOG.error(
                "The clock of the ledger's server at %s jumped ahead by %s. The ledger's time goes"
                " on from where it was, in %d of its virtual shards: no limit counts anew. Put the"
                " server's clock right; if it is right now, `turnout ledger repair` lets the ledger"
                " follow it.",
                connection.node, span_words(now - expected), held,
            )  # fmt: skip
        elif now < expected - least:
            self.jumps["back"] += 1
            _LOG.warning(
                "The clock of the ledger's server at %s went back by %s. The ledger's time goes on"
                " from where it was, a tenth slower until the clock has caught up.",
                connection.node, span_words(expected - now),
            )  # fmt: skip
        else:
            return False
        return True

    async def _hold_back(self, connection: PipelinedConnection, expected: int) -> int:
        """Tell every shard of a node; returns in how many its time was held back. Raises Refused
        where one is the node's own and could not be told (out of memory, read-only).
        """
        calls = [
            connection.send(
                ("EVAL", self._script.source, 2, shard.clock, shard.witness, expected),
                _SECONDS,
                opening=True,
            )
            for shard in self._shards
        ]
        replies = await asyncio.gather(*calls, return_exceptions=True)
        for reply in replies:
            if isinstance(reply, Disconnected):
                raise reply
            if isinstance(reply, ErrorReply) and not reply.is_another_nodes:
                raise reply.refusal()
        return sum(reply == 1 for reply in replies)


def span_words(ms: int) -> str:
    """A span of time as people say it: its two largest units, from an hour on to the minute."""
    least = _MINUTE if abs(ms) >= _HOUR else 1
    seconds = round(abs(ms) / 1000 / least) * least
    parts = []
    for name, size in (("d", 86_400), ("h", 3_600), ("min", _MINUTE), ("s", 1)):
        amount, seconds = divmod(seconds, size)
        if amount:
            parts.append(f"{amount} {name}")
    return " ".join(parts[:2]) or "less than a second"
