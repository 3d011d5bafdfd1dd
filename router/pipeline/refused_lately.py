"""Requests that a limit on requests has just refused: asked again, they are refused unread.

The ledger is asked once a request was read and decided. What is dear to read must not be read again
and again for a customer that is over its limit, so the refusal is remembered for a moment, as the
ledger remembers it (`router.ledger.denial_cache`), and only where every request would meet it.
"""

import time
from collections.abc import Callable
from typing import Final

from policies.headers import PREFIX
from router.domain import Principal
from router.errors import LimitExceeded

_SPOKE: Final = PREFIX + "limit"
_LONGEST_MS: Final = 250
_MOST: Final = 10_000
_Asker = tuple[str, str, str, str, str]


class Refusals:
    """It can only refuse what the ledger refused a moment ago. `now` tells seconds."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._until: dict[_Asker, tuple[float, LimitExceeded]] = {}

    def note(self, principal: Principal, user: str, model: str, refused: LimitExceeded) -> None:
        """Remember a refusal, where it counts requests and asks to wait."""
        told = dict(refused.headers)
        wait = int(told.get("retry-after-ms", 0))
        if ":requests_per_" not in told.get(_SPOKE, "") or wait < _LONGEST_MS:
            return
        if len(self._until) >= _MOST:
            self._until.clear()
        until = self._now() + _LONGEST_MS / 1_000
        self._until[_asker(principal, user, model)] = until, refused

    def check(self, principal: Principal, user: str, model: str) -> None:
        """Raise LimitExceeded again, for as long as it is remembered."""
        asker = _asker(principal, user, model)
        until, refused = self._until.get(asker, (0.0, None))
        if refused is None:
            return
        if self._now() < until:
            raise LimitExceeded(
                str(refused), type_=refused.type, code=refused.code or "", headers=refused.headers
            )
        del self._until[asker]


def _asker(principal: Principal, user: str, model: str) -> _Asker:
    return principal.organization, principal.key_id, principal.tier, user, model
