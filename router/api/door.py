"""The door: how many may come in, in all and of an address, and how often with a wrong key.

It is asked once for each connection and once for each wrong key; a request with a key never passes
it. What it remembers is bounded: connections by themselves, addresses by `_MOST_ADDRESSES`, of
which the one that came first goes. Nothing of it is in the ledger: a flood costs no round trip.
"""

import logging
import resource
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from router.api.addresses import Network, customer_at, customer_behind
from router.errors import LimitExceeded, TurnoutError, Unavailable, retry_after

_LOG = logging.getLogger(__name__)
_MOST_ADDRESSES: Final = 10_000  # that wrong keys came from
_MINUTE: Final = 60.0
_EPISODE: Final = 60.0  # seconds without a refusal, behind which the next one is told again
_SPARE: Final = 4  # one in so many descriptors is kept for backends, files and the ledger
FULL, ADDRESS, DESCRIPTORS, WRONG_KEYS = "full", "address", "descriptors", "wrong_keys"
_TOLD: Final[Mapping[str, str]] = {
    FULL: "connections are refused: as many are open as connections.most allows; raise it, start"
    " more workers, or look in turnout_connections who holds them",
    ADDRESS: "connections of one address are refused: it holds connections.each_address; name it"
    " in connections.trusted_proxies if it is a proxy of yours",
    DESCRIPTORS: "connections are refused: the process runs out of descriptors; raise its limit"
    " (ulimit -n, LimitNOFILE=, --ulimit nofile), or lower connections.most",
    WRONG_KEYS: "an address sends wrong keys faster than connections.wrong_keys allows and is"
    " told to wait; keys that work are served from there as before",
}
_BUSY: Final = "This gateway has as many connections as it takes. Please try again."
_YOURS: Final = (
    "Your address has as many connections open as this gateway takes from one. Close some, or use"
    " those that are open."
)
_GUESSING: Final = (
    "Too many requests with a wrong API key came from your address. Check the key, and try again"
    " later."
)


@dataclass(frozen=True, slots=True)
class DoorLimits:
    """How many connections, in all and of one address (0: any number); bytes and seconds of a head,
    seconds of an idle connection; wrong keys of an address a minute (0: any number); networks of
    proxies whose X-Forwarded-For is believed."""

    most: int = 10_000
    each_address: int = 2_000
    head: int = 65_536
    head_timeout: float = 10.0
    idle: float = 75.0
    wrong_keys: int = 60
    trusted_proxies: tuple[Network, ...] = ()


def _descriptors() -> int:
    """How many descriptors this process may have now: it can be raised from outside."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def for_clients(descriptors: int) -> int:
    """Return how many of the descriptors of a process may be taken before clients are refused."""
    return descriptors - descriptors // _SPARE


class Door:
    """Counts who is inside. `turned_away` says why how many were refused."""

    def __init__(
        self,
        limits: DoorLimits | None = None,
        clock: Callable[[], float] = time.monotonic,
        descriptors: Callable[[], int] = _descriptors,
    ) -> None:
        self.limits = limits or DoorLimits()
        self.turned_away: Counter[str] = Counter()
        self.inside = 0
        self._clock = clock
        self._descriptors = descriptors
        self._of: Counter[str] = Counter()  # connections that are open, by whose they are
        self._wrong: dict[str, float] = {}  # when an address will have paid for its wrong keys
        self._refused_at: dict[str, float] = {}

    def enter(self, peer: str, descriptor: int) -> TurnoutError | None:
        """Let a connection in, to `leave` when it ends, or return why not.

        `descriptor` is its number: the system gives the lowest that is free, so it also says how
        many are taken.
        """
        allowed = self._descriptors()
        customer = customer_at(peer, self.limits.trusted_proxies)
        if descriptor >= for_clients(allowed):
            return self._refuse(DESCRIPTORS, Unavailable(_BUSY, headers=retry_after(1000)))
        if self.inside >= self.limits.most:
            return self._refuse(FULL, Unavailable(_BUSY, headers=retry_after(1000)))
        if customer is not None:
            if self._of[customer] >= self.limits.each_address > 0:
                refusal = LimitExceeded(_YOURS, type_="connections", headers=retry_after(1000))
                return self._refuse(ADDRESS, refusal, customer)
            self._of[customer] += 1
        self.inside += 1
        return None

    def leave(self, peer: str) -> None:
        """Note that a connection ended which was let in."""
        self.inside -= 1
        customer = customer_at(peer, self.limits.trusted_proxies)
        if customer is not None:
            self._of[customer] -= 1
            if self._of[customer] <= 0:
                del self._of[customer]

    def wrong_key(self, peer: str, forwarded: bytes = b"") -> TurnoutError | None:
        """Count a wrong key, or none where one was due; return what to answer if there were too
        many of its address. `forwarded` is X-Forwarded-For as it came."""
        most = self.limits.wrong_keys
        trusted = self.limits.trusted_proxies
        customer = customer_behind(peer, forwarded.decode("latin-1"), trusted)
        if customer is None or most == 0:
            return None
        now = self._clock()
        paid = max(self._wrong.pop(customer, now), now) + _MINUTE / most
        late = paid - now - _MINUTE
        if late > 0:  # nothing is added for what is refused: who waits is heard again
            self._wrong[customer] = paid - _MINUTE / most
            wait = retry_after(int(late * 1000) + 1)
            return self._refuse(WRONG_KEYS, LimitExceeded(_GUESSING, headers=wait), customer)
        self._wrong[customer] = paid
        if len(self._wrong) > _MOST_ADDRESSES:
            del self._wrong[next(iter(self._wrong))]
        return None

    def _refuse(self, why: str, error: TurnoutError, customer: str = "") -> TurnoutError:
        """Count it; tell the first of an episode."""
        now = self._clock()
        self.turned_away[why] += 1
        if now - self._refused_at.get(why, -_EPISODE) >= _EPISODE:
            _LOG.error(_TOLD[why], extra={"open": self.inside, "address": customer})
        self._refused_at[why] = now
        return error
