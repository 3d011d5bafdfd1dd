"""What may be served while the ledger is away: nothing, or a declared local allowance.

A tier with `outage: {bounded: share}` may use `share` of each of its limits, per gateway process,
from a local count. Minute limits count over the last minute; pools count all that the ledger does
not know yet. That never exceeds share x limit per process: with N processes, at worst N x share x
limit is spent beyond the limit. This is the promise to configure by.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from router.ledger.quotas.compiled_quotas import CompiledQuotas, QuotaItem, field_of

Counter = tuple[str, str]  # the key of a scope, and a field of it
_FRESH_MS: Final = 65_000  # as the ledger's own sliding window: a minute and a slot


_LASTING: Final = "CPH"  # algorithms that count for longer than a minute


@dataclass(slots=True)
class LocalAdmission:
    """An admission without the ledger: what it counts, counter by counter, until it is settled."""

    era: int
    amounts: dict[Counter, int] = field(default_factory=dict)


class Outage:
    """Local counts of what was admitted without the ledger. `now_ms` is a clock in milliseconds."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._minutes: dict[Counter, deque[tuple[int, LocalAdmission]]] = defaultdict(deque)
        self._totals: dict[Counter, int] = defaultdict(int)
        self._open: dict[Counter, int] = defaultdict(int)
        self._era = 0

    def admit(
        self, quotas: CompiledQuotas, scopes: Mapping[int, str], want: tuple[int, ...], share: float
    ) -> LocalAdmission | None:
        """Count a request against its allowances; None where one is used up."""
        local = LocalAdmission(self._era)
        for item in quotas.items:
            counter = (scopes[item.scope], field_of(item.quota))
            leases = item.row.algorithm == "L"
            amount = 1 if leases else -(-want[item.row.metric - 1] // item.row.scale)
            if item.quota.limit < 0 or self._used(item, counter) + amount > _allowance(item, share):
                return None
            local.amounts[counter] = amount
        for item in quotas.items:
            self._count(item, (scopes[item.scope], field_of(item.quota)), local)
        return local

    def settle(
        self,
        quotas: CompiledQuotas,
        local: LocalAdmission,
        scopes: Mapping[int, str],
        used: tuple[int, ...],
    ) -> None:
        """Replace what an admission counted by what it used."""
        for item in quotas.items:
            counter = (scopes[item.scope], field_of(item.quota))
            if item.row.algorithm == "L":
                self._open[counter] -= 1
                if not self._open[counter]:
                    del self._open[counter]  # end users come and go
                continue
            actual = -(-used[item.row.metric - 1] // item.row.scale)
            if item.row.algorithm in _LASTING and local.era == self._era:
                self._totals[counter] += actual - local.amounts[counter]
            local.amounts[counter] = actual

    def left(self, quotas: CompiledQuotas, scopes: Mapping[int, str], share: float) -> list[int]:
        """What is left of each allowance, in the order of a reserve reply."""
        reply: list[int] = []
        for item in quotas.items:
            used = self._used(item, (scopes[item.scope], field_of(item.quota)))
            reply += (max(0, _allowance(item, share) - used), _FRESH_MS)
        return reply

    def ledger_knows_all(self) -> None:
        """The ledger knows everything that was admitted here: the allowances are whole again."""
        self._era += 1
        self._totals.clear()
        self._minutes.clear()

    def _used(self, item: QuotaItem, counter: Counter) -> int:
        if item.row.algorithm == "L":
            return self._open.get(counter, 0)
        if item.row.algorithm in _LASTING:
            return self._totals.get(counter, 0)
        recent, horizon = self._minutes.get(counter), self._now_ms() - _FRESH_MS
        if recent is None:
            return 0
        while recent and recent[0][0] <= horizon:
            recent.popleft()
        if not recent:
            del self._minutes[counter]
        return sum(local.amounts[counter] for _, local in recent)

    def _count(self, item: QuotaItem, counter: Counter, local: LocalAdmission) -> None:
        amount = local.amounts[counter]
        if item.row.algorithm == "L":
            self._open[counter] += 1
        elif item.row.algorithm in _LASTING:
            self._totals[counter] += amount
        else:
            self._minutes[counter].append((self._now_ms(), local))


def _allowance(item: QuotaItem, share: float) -> int:
    if item.row.algorithm == "H":
        return item.quota.limit  # equal requests are not told apart here
    return int(item.quota.limit * share)
