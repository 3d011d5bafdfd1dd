"""What the books say that a limit of a scope should have counted in a window, at one look."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import add
from typing import Final, NamedTuple

from router.ledger.check.expected import Scope
from router.ledger.check.history import ALWAYS, LimitHistory, Span
from router.ledger.check.look import Look
from router.ledger.check.totals import BookedSum, UsageTotals
from router.ledger.keys import PROCESS, hold_time

# Where the meta of a row keeps the name of each level's scope.
_META: Final = {"team": "team", "key": "key", "user": "user", "model": "model"}


class Asked(NamedTuple):
    """A limit of a scope in a window: its name, its metric (1: the first), [start, end), and since
    when the ledger counts, as far as it concerns gateways that said nothing of their limits.
    """

    scope: Scope
    limit: str
    metric: int
    span: Span
    began: int


@dataclass(slots=True)
class Counted:
    """Sums in the metric's own unit (money in pico-USD).

    `used` should be counted; `sure` is what of it came from gateways that said their limits. The
    rest did not count, though its tier has the limit today: `earlier` was served before the limit,
    `elsewhere` by gateways that have none such. `all` is everything that the scope used.
    """

    used: int = 0
    sure: int = 0
    earlier: int = 0
    elsewhere: int = 0
    all: int = 0


class BookedLook:
    """The books at the moment of one look: stored rows, and those that the journal still holds."""

    def __init__(self, look: Look, totals: UsageTotals, history: LimitHistory) -> None:
        self._look = look
        self._totals = totals
        self._history = history
        self._asked: dict[tuple[object, ...], dict[str | None, list[BookedSum]]] = {}

    def counted(self, asked: Asked) -> Counted:
        """What a limit should have counted."""
        result, history = Counted(), self._history
        for _, tier, process, vector in self._sums(asked.scope, asked.span):
            amount, known = vector[asked.metric - 1], history.knows(process)
            counts = self._counts(asked, tier, process, amount)
            self._add(result, asked, (tier, process), amount, counts)
            result.sure += counts if known else 0
        return result

    def first(self, scope: Scope, limit: str) -> int:
        """When the first gateway said that it counts a tier of the scope by a limit."""
        tiers = {tier for _, tier, _, _ in self._sums(scope, ALWAYS)}
        return min((self._history.first(tier, limit) for tier in tiers), default=0)

    def _add(
        self,
        result: Counted,
        asked: Asked,
        of: tuple[str | None, str],
        amount: int,
        counts: int,
    ) -> None:
        """Add the use of a tier and process, of which so much should be counted."""
        tier, process = of
        result.all += amount
        result.used += counts
        if counts == amount or asked.limit not in self._history.today.get(tier or "", ()):
            return  # the rest is of a tier without this limit
        early = amount - counts
        if self._history.knows(process):
            before = (0, self._history.first(tier, asked.limit))
            early = min(early, self._of(asked, tier, process, made=before))
        result.earlier += early
        result.elsewhere += amount - counts - early

    def _counts(self, asked: Asked, tier: str | None, process: str, amount: int) -> int:
        """What of the use of a tier and process should be counted."""
        spans = self._history.spans(process, tier, asked.limit)
        if spans != [ALWAYS]:
            return sum(self._of(asked, tier, process, made=made) for made in spans)
        if self._history.knows(process) or asked.began <= asked.span[0]:
            return amount
        later = asked._replace(span=(asked.began, asked.span[1]))
        return self._of(later, tier, process, made=None)

    def _of(self, asked: Asked, tier: str | None, process: str, *, made: Span | None) -> int:
        """The use of a tier and process by holds that were made in a span (None: whenever)."""
        return sum(
            vector[asked.metric - 1]
            for _, by_tier, by_process, vector in self._sums(asked.scope, asked.span, made)
            if (by_tier, by_process) == (tier, process)
        )

    def _sums(self, scope: Scope, span: Span, made: Span | None = None) -> list[BookedSum]:
        """The sums of a scope; the store is asked once for all names of a level."""
        question = (scope.organization, scope.level, span, made)
        if question not in self._asked:
            stored = self._totals.sums(scope.organization, scope.column, span, self._look.now, made)
            self._asked[question] = _by_name((*stored, *self._unstored(scope, span, made)))
        return self._asked[question].get(scope.name, [])

    def _unstored(self, scope: Scope, span: Span, made: Span | None) -> Iterator[BookedSum]:
        """The rows of an organization that only the journal has, each as a sum."""
        for row, meta in self._look.rows:
            first, end = made or ALWAYS
            if (
                meta.get("organization") == scope.organization
                and span[0] <= row.admitted_at < span[1]
                and first <= hold_time(row.hold_id) < end
            ):
                name = meta.get(_META[scope.level]) if scope.level in _META else None
                yield name, meta.get("tier"), row.hold_id[PROCESS], row.used


def _by_name(sums: Iterable[BookedSum]) -> dict[str | None, list[BookedSum]]:
    """The sums of each name: one of each tier and process."""
    vectors: dict[tuple[str | None, str | None, str], tuple[int, ...]] = {}
    for name, tier, process, vector in sums:
        of = (name, tier, process)
        vectors[of] = tuple(map(add, vectors[of], vector)) if of in vectors else vector
    by_name: dict[str | None, list[BookedSum]] = {}
    for (name, tier, process), vector in vectors.items():
        by_name.setdefault(name, []).append((name, tier, process, vector))
    return by_name
