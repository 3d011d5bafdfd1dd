"""What may be served while the ledger is away: nothing, or a declared local allowance.

A tier with `outage: {bounded: share}` may use `share` of each of its limits, per gateway process,
from a local count. Minute limits count over the last minute; pools count all that the ledger has
not been told yet. So what the ledger does not know of never exceeds share x limit per process, and
with N processes the worst case is N x share x limit beyond the limit: the promise to configure by.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from router.ledger.quotas.compiled_quotas import Item, Plan, field_of

Place = tuple[str, str]
_FRESH_MS: Final = 65_000  # as the ledger's own sliding window: a minute and a slot


@dataclass(slots=True)
class Local:
    """A local admission: what it counts, place by place, until it is settled."""

    era: int
    amounts: dict[Place, int] = field(default_factory=dict)


class Outage:
    """Local counts of what was admitted without the ledger. `now_ms` is a clock in milliseconds."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._minutes: dict[Place, deque[tuple[int, Local]]] = defaultdict(deque)
        self._totals: dict[Place, int] = defaultdict(int)
        self._open: dict[Place, int] = defaultdict(int)
        self._era = 0

    def admit(
        self, plan: Plan, scopes: Mapping[int, str], want: tuple[int, ...], share: float
    ) -> Local | None:
        """Count a request against its allowances; None where one is used up."""
        local = Local(self._era)
        for item in plan.items:
            place = (scopes[item.scope], field_of(item.quota))
            leases = item.row.algorithm == "L"
            amount = 1 if leases else -(-want[item.row.metric - 1] // item.row.scale)
            if item.quota.limit < 0 or self._used(item, place) + amount > _allowance(item, share):
                return None
            local.amounts[place] = amount
        for item in plan.items:
            self._count(item, (scopes[item.scope], field_of(item.quota)), local)
        return local

    def settle(
        self, plan: Plan, local: Local, scopes: Mapping[int, str], used: tuple[int, ...]
    ) -> None:
        """Replace what an admission counted by what it used."""
        for item in plan.items:
            place = (scopes[item.scope], field_of(item.quota))
            if item.row.algorithm == "L":
                self._open[place] -= 1
                continue
            actual = -(-used[item.row.metric - 1] // item.row.scale)
            if item.row.algorithm == "C" and local.era == self._era:
                self._totals[place] += actual - local.amounts[place]
            local.amounts[place] = actual

    def left(self, plan: Plan, scopes: Mapping[int, str], share: float) -> list[int]:
        """What is left of each allowance, in the places of a reserve reply."""
        reply: list[int] = []
        for item in plan.items:
            used = self._used(item, (scopes[item.scope], field_of(item.quota)))
            reply += (max(0, _allowance(item, share) - used), _FRESH_MS)
        return reply

    def told(self) -> None:
        """The ledger knows everything that was admitted here: the allowances are whole again."""
        self._era += 1
        self._totals.clear()
        self._minutes.clear()

    def _used(self, item: Item, place: Place) -> int:
        if item.row.algorithm == "L":
            return self._open[place]
        if item.row.algorithm == "C":
            return self._totals[place]
        recent, horizon = self._minutes[place], self._now_ms() - _FRESH_MS
        while recent and recent[0][0] <= horizon:
            recent.popleft()
        return sum(local.amounts[place] for _, local in recent)

    def _count(self, item: Item, place: Place, local: Local) -> None:
        amount = local.amounts[place]
        if item.row.algorithm == "L":
            self._open[place] += 1
        elif item.row.algorithm == "C":
            self._totals[place] += amount
        else:
            self._minutes[place].append((self._now_ms(), local))


def _allowance(item: Item, share: float) -> int:
    return int(item.quota.limit * share)
