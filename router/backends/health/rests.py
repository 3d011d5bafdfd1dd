"""Whom a server told to stay away, and when that means everybody.

Theory of operation. A refusal that names a time (a 429, a 503 with Retry-After, a credential that
is refused) is the answer to one customer's request, and nobody can tell from one whether it
concerns that request or the credential. So it is believed as far as others met the same:

- who was refused rests, with its kind of request, as long as it was told;
- a customer that was refused with two kinds rests with all;
- once two customers were refused, everybody rests, as long as two of them were told.

A request that the server let in meanwhile, and that was sent after a refusal, shows that this one
did not mean everybody: it counts no more for the others.

The clock is an argument: seconds of any monotonic clock.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from router.backends.health.voice import Voice

MOST_RESTING: Final = 256  # voices that are remembered; who rests shortest makes room


@dataclass(slots=True)
class _Refusal:
    """When a voice was refused, until when it rests, and whether that may concern others too."""

    at: float
    until: float
    shared: bool = True


class Rests:
    """The refusals of one deployment."""

    __slots__ = ("_refusals",)

    def __init__(self) -> None:
        self._refusals: dict[Voice, _Refusal] = {}

    def refused(self, voice: Voice, seconds: float, now: float) -> float:
        """A voice was told to stay away so long. Return how many seconds everybody should."""
        self.forget(now)
        refusals = self._refusals
        if voice not in refusals and len(refusals) >= MOST_RESTING:
            del refusals[min(refusals, key=lambda known: refusals[known].until)]
        old = refusals.get(voice)
        until = now + seconds if old is None else max(old.until, now + seconds)
        refusals[voice] = _Refusal(now, until)
        longest: dict[str, float] = {}
        for (customer, _), refusal in refusals.items():
            if refusal.shared:
                longest[customer] = max(longest.get(customer, now), refusal.until)
        return _agreed(longest.values(), now) - now

    def let_in(self, sent: float) -> None:
        """A request that was sent at this instant is being answered."""
        for refusal in self._refusals.values():
            if refusal.at <= sent:
                refusal.shared = False

    def resting(self, voice: Voice, now: float) -> float:
        """Seconds until this voice may ask again; 0 where it may now."""
        own = self._refusals.get(voice)
        its = [one.until for (who, _), one in self._refusals.items() if who == voice.customer]
        until = max(now if own is None else own.until, _agreed(its, now))
        return max(0.0, until - now)

    def forget(self, now: float) -> bool:
        """Forget the rests that are over; whether none is left."""
        for voice in [voice for voice, one in self._refusals.items() if one.until <= now]:
            del self._refusals[voice]
        return not self._refusals


def _agreed(instants: Iterable[float], now: float) -> float:
    """The latest instant that two of them reach; now where there are no two."""
    ordered = sorted(instants, reverse=True)
    return max(now, ordered[1]) if len(ordered) > 1 else now
