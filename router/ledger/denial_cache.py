"""Denials remembered for a moment, so that a client that floods does not reach the ledger.

A key that was just denied, and told to wait, is denied again from memory for at most 250 ms, for
requests that want no less. It can only deny what the ledger denied: never admit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

from router.domain import Estimate
from router.ledger.codec import FIXED, WAIT

_LONGEST_MS: Final = 250


@dataclass(frozen=True, slots=True)
class Denied:
    """The ledger's answer to a denied request. Instants are monotonic milliseconds."""

    reply: tuple[int, ...]
    estimate: Estimate
    at: int

    @classmethod
    def remember(cls, reply: Sequence[int], estimate: Estimate, now: int) -> Self | None:
        """Keep an answer whose wait is longer than it would be kept.

        After a shorter or unknown wait, the ledger is asked again.
        """
        if reply[WAIT] < _LONGEST_MS:
            return None
        return cls(tuple(reply), estimate, now)

    def denies(self, estimate: Estimate, now: int) -> bool:
        """Whether a request of this size would be denied for the same reason."""
        known = self.estimate
        return (
            now - self.at < _LONGEST_MS
            and estimate.input_tokens >= known.input_tokens
            and estimate.output_tokens >= known.output_tokens
            and estimate.cost_pico >= known.cost_pico
            and estimate.input_cost_pico >= known.input_cost_pico
            and estimate.firm >= known.firm
            and estimate.likely_prompt() >= known.likely_prompt()
        )

    def reply_at(self, now: int) -> list[int]:
        """The answer, its waits shortened by the time that has passed."""
        passed = now - self.at
        reply = list(self.reply)
        reply[WAIT] = max(0, reply[WAIT] - passed)
        for reset in range(FIXED + 1, len(reply), 2):
            reply[reset] = max(0, reply[reset] - passed)
        return reply
