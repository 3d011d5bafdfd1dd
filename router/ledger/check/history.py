"""By which calendar limits a row of usage was counted: what its gateway said, else today's policy.

A hold's id tells the process that made it, and when. A process tells the books its limits when it
starts and whenever they change, so that a limit that is added, taken away or kept at one gateway
alone explains itself. Rows of processes that said nothing (of versions before this one) count by
today's policy, from the moment on in which the ledger began to count.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from router.ledger.check.totals import LimitsSaid
from router.ledger.quotas.calendar import FOREVER
from router.ledger.quotas.dimensions import DIMENSIONS, Quota

Span = tuple[int, int]
Limits = Mapping[str, frozenset[str]]  # of each tier
ALWAYS: Span = (0, FOREVER)


def limit_name(quota: Quota) -> str:
    """How a limit is named here: "organization.usd_per_month"."""
    return f"{quota.level}.{quota.dimension}"


def calendar_limits(tiers: Mapping[str, Iterable[Quota]]) -> dict[str, frozenset[str]]:
    """The limits of each tier that count in calendar windows and balances."""
    return {
        tier: frozenset(
            limit_name(quota) for quota in quotas if DIMENSIONS[quota.dimension].period is not None
        )
        for tier, quotas in tiers.items()
    }


class LimitHistory:
    """What gateways said, and what today's policy says of the others."""

    def __init__(self, said: Iterable[LimitsSaid], today: Limits) -> None:
        self.today = today
        self._said: dict[str, list[tuple[int, Limits]]] = defaultdict(list)
        for process, since, limits in said:
            self._said[process].append((since, limits))

    def knows(self, process: str) -> bool:
        """Whether a process said by which limits it counts."""
        return process in self._said

    def names(self, tier: str | None) -> frozenset[str]:
        """Every limit by which a tier counts today, or counted at some gateway."""
        found = set(self.today.get(tier or "", ()))
        for eras in self._said.values():
            for _, limits in eras:
                found |= limits.get(tier or "", frozenset())
        return frozenset(found)

    def spans(self, process: str, tier: str | None, limit: str) -> list[Span]:
        """When a process counted a tier by a limit, by its own clock; neighbours are one span."""
        eras = self._said.get(process)
        if eras is None:
            return [ALWAYS] if limit in self.today.get(tier or "", ()) else []
        spans: list[Span] = []
        for number, (since, limits) in enumerate(eras):
            if limit not in limits.get(tier or "", ()):
                continue
            start = since if number else 0
            end = eras[number + 1][0] if number + 1 < len(eras) else FOREVER
            if spans and spans[-1][1] == start:
                start = spans.pop()[0]
            spans.append((start, end))
        return spans

    def first(self, tier: str | None, limit: str) -> int:
        """When the first gateway said that it counts a tier by a limit; FOREVER where none did."""
        return min(
            (
                since
                for eras in self._said.values()
                for since, limits in eras
                if limit in limits.get(tier or "", ())
            ),
            default=FOREVER,
        )
