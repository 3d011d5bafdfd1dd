"""The ledger's time beside its server's clock: looked at, told, and let follow that clock again.

Where a clock jumped ahead, the ledger's time was held back (router.ledger.server.server_clocks),
and its windows end late. It follows the clock again in the first quiet minutes of each virtual
shard, when every sliding window is empty, if this machine's clock says the same as the server's; or
when somebody who knows says so (`turnout ledger repair`).
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from router.ledger.clock_state import ClockState
from router.ledger.keys import Shard
from router.ledger.server.nodes import Nodes
from router.ledger.server.server_clocks import Direction

_LOG: Final = logging.getLogger("turnout")
_QUIET_MS: Final = 120_000  # twice the longest sliding window
_SECONDS: Final = 2.0


class LedgerClock:
    """The clocks of one ledger. `state` is what the last look found; `here`: this machine's time in
    Unix milliseconds. Its methods raise Disconnected.
    """

    def __init__(
        self,
        nodes: Nodes,
        shards: Sequence[Shard],
        here: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._nodes = nodes
        self._shards = shards
        self._here = here
        self._told: str | None = None
        self.state = ClockState()

    @property
    def jumps(self) -> Counter[Direction]:
        """How often a server's clock was seen to jump, since this process started."""
        return self._nodes.clocks.jumps

    async def look(self) -> ClockState:
        """Read every clock now."""
        server = await self._nodes.look_at_clocks()
        asked = [(shard.number, ("GET", shard.clock)) for shard in self._shards]
        return self._see(server, await self._nodes.ask_all(asked))

    async def judge(self, server: int, clocks: Iterable[bytes | None]) -> None:
        """Tell what is amiss with clocks that were just read, once; follow where that is safe."""
        state = self._see(server, clocks)
        if state.ahead < 0 and state.agrees:
            await self.follow(_QUIET_MS)
        if state.trouble is not None and self._told is None:
            _LOG.warning("%s", state.trouble)
        elif state.trouble is None and self._told is not None:
            _LOG.warning("The ledger's time and its server's clock are one again.")
        self._told = state.trouble

    async def follow(self, quiet_ms: int = 0) -> int:
        """Let the ledger's time follow the server's clock where it is behind, in each virtual shard
        that served nobody for so long (0: in all); returns in how many.
        """
        runs = [
            self._nodes.run(
                "follow", each.number, (each.clock, each.holds), (quiet_ms,), seconds=_SECONDS
            )
            for each in self._shards
        ]
        return sum(await asyncio.gather(*runs))

    def _see(self, server: int, clocks: Iterable[bytes | None]) -> ClockState:
        self.state = ClockState.of(clocks, server, self._here())
        return self.state
