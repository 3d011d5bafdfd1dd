"""How a ledger's time stands to its server's clock, and that to this machine's, in words; pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

from router.ledger.codec import CLOCK_PAIR
from router.ledger.server.server_clocks import span_words

SLEW: Final = 10  # a lead melts by a tenth of what passes (clock.lua)
AGREE_MS: Final = 10_000  # clocks that are so near are taken to be right
_LEAST_MS: Final = 5_000  # of a lead or a lag that is told


@dataclass(frozen=True, slots=True)
class ClockState:
    """Milliseconds. `ahead`: of the ledger's time before its server's clock, in the virtual shard
    where that is most (negative: it is behind). `skew`: of that clock before this machine's.
    """

    ahead: int = 0
    skew: int = 0

    @classmethod
    def of(cls, clocks: Iterable[bytes | None], server: int, here: int) -> Self:
        """From the stored clocks of the shards, and what server and machine say now."""
        pairs = [CLOCK_PAIR.unpack(stored) for stored in clocks if stored]
        leads = [_lead(last, real, server) for last, real in pairs]
        return cls(max(leads, key=abs, default=0), server - here)

    @property
    def agrees(self) -> bool:
        """Whether server and machine say the same, so that nobody doubts them."""
        return abs(self.skew) <= AGREE_MS

    @property
    def is_behind(self) -> bool:
        """Whether the ledger's time was held back."""
        return self.ahead <= -_LEAST_MS

    @property
    def trouble(self) -> str | None:
        """What is amiss, and what to do; None where nothing is."""
        said = [words for words in (self._of_ledger(), self._of_server()) if words]
        return " ".join(said) or None

    def _of_ledger(self) -> str | None:
        if self.is_behind:
            return (
                f"The ledger's time is {span_words(self.ahead)} behind its server's clock, which"
                " jumped ahead: windows end as much later, and none counts anew. Put the clock"
                " right; if it is right now, `turnout ledger repair` lets the ledger follow it."
            )
        if self.ahead >= _LEAST_MS:
            return (
                f"The ledger's time is {span_words(self.ahead)} ahead of its server's clock, which"
                " went back: it goes on a tenth slower until the clock has caught up, in"
                f" {span_words(self.ahead * SLEW)}. Nothing is to be repaired."
            )
        return None

    def _of_server(self) -> str | None:
        if self.agrees:
            return None
        which = "ahead of" if self.skew > 0 else "behind"
        return (
            f"The clock of the ledger's server is {span_words(self.skew)} {which} this machine's:"
            " put right the one that is wrong."
        )


def _lead(last: int, real: int, server: int) -> int:
    """How far a shard's time is ahead of its server's clock now."""
    if server < real:
        return last - server
    lead = last - real
    return max(0, lead - (server - real) // SLEW) if lead > 0 else lead
