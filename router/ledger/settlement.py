"""One request's end, as the ledger has to be told."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Self

from policies.value import value
from router.ledger.connection import Part
from router.ledger.keys import Shard
from router.ledger.plan import Plan

_FLAGS, _ITEMS = 5, 3


@value
class Reservation:
    """The reserve call that made a hold, kept so that it can be made again.

    `plan` packs the quotas anew where their calendar windows have ended since.
    """

    keys: Sequence[Part]
    args: Sequence[Part]
    plan: Plan

    def forced(self) -> Self:
        """The same call, to be obeyed whether or not it fits."""
        return replace(self, args=(*self.args[:_FLAGS], "f", *self.args[_FLAGS + 1 :]))

    def at(self, now_ms: int) -> Self:
        """The same call, with the calendar windows of another instant."""
        packed = self.plan.pack(now_ms)
        return replace(self, args=(*self.args[:_ITEMS], packed, *self.args[_ITEMS + 1 :]))


@value
class Settlement:
    """What one hold used, and its reservation, should the ledger not know it (any more).

    `reservation` is None for a reserve whose outcome is unknown: nothing was served, and where the
    ledger does not know it there is nothing to tell.
    """

    shard: Shard
    rid: str
    status: str
    used: bytes
    payload: bytes
    reservation: Reservation | None
