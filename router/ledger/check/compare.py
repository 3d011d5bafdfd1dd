"""One scope of the ledger against the books: every difference is a finding with a name."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from router.ledger.check.counted import Asked, BookedLook, Counted
from router.ledger.check.expected import ExpectedLimit, Scope
from router.ledger.check.findings import Finding, Kind, in_unit, spent
from router.ledger.check.look import Look
from router.ledger.codec import CalendarState, StateNumbers, read_scope
from router.ledger.quotas.dimensions import DIMENSIONS, QuotaDimension

_BY_FIELD: Final = {row.field: row for row in DIMENSIONS.values()}


@dataclass(frozen=True, slots=True)
class ScopeCheck:
    """One scope at one look. `limits`: those that it should count by, as far as the books know;
    `lost`: its virtual shard lost something, so that a late beginning is no explanation; `shared`:
    its organization brought more end users than have a scope of their own.
    """

    shard: int
    key: str
    scope: Scope
    limits: dict[str, ExpectedLimit]
    look: Look
    books: BookedLook
    lost: bool = False
    shared: bool = False

    def findings(self) -> Iterator[Finding]:
        """Everything that is to be said of the scope."""
        states = read_scope(self.look.scopes[self.key])
        for place, numbers in states.items():
            row = _BY_FIELD.get(place[1:])
            if row is None:
                continue
            if place[0] == "L":
                yield from self._open(place, row, numbers)
            elif place[0] == "C":  # rings and buckets are stored nowhere else
                yield from self._calendar(place, row, CalendarState.of(numbers))
        for place, limit in self.limits.items():
            if place not in states:
                yield from self._missing(place, limit, is_new=bool(states))

    def _open(self, place: str, row: QuotaDimension, numbers: StateNumbers) -> Iterator[Finding]:
        (says,), opened = numbers, self.look.counts[self.key, row.field]
        if says != opened:
            yield self._finding(
                Kind.DIFFERS, "open", place, row, (says, opened), repaired=(opened,)
            )

    def _calendar(self, place: str, row: QuotaDimension, state: CalendarState) -> Iterator[Finding]:
        limit = self.limits.get(place)
        if limit is None and not state.used and not state.remainder:
            limit = ExpectedLimit(row)  # nothing was counted, by whomever
        window = (state.start, state.end)
        counted = self._counted(row, window, self._began(state))
        right = replace(state, held=self._held(row, state.start))
        if self.lost:  # made again, it counts from its start
            right = replace(right, before_start=max(0, state.before_start))
        if limit is not None or not counted.all:
            used, remainder = divmod(counted.used, row.scale)
            right = replace(right, used=used, remainder=remainder)
        right = self._right_before(row, state, right) if limit is not None else right
        yield from self._differences(place, row, state, right)
        if spent(row, state.used, state.remainder) == spent(row, right.used, right.remainder):
            yield from self._explained(place, row, state, counted, known=limit is not None)
        if limit is not None and state.end <= self.look.now:
            yield from self._stale(place, limit, right)

    def _began(self, state: CalendarState) -> int:
        """Since when a state counts; of a ledger that lost something it does not say."""
        return state.start if self.lost else state.began

    def _counted(self, row: QuotaDimension, window: tuple[int, int], began: int) -> Counted:
        name = f"{self.scope.level}.{row.name}"
        return self.books.counted(Asked(self.scope, name, row.metric, window, began))

    def _held(self, row: QuotaDimension, start: int) -> int:
        """What the open requests hold in the window of an instant."""
        return self.look.held[self.key, row.field, start]

    def _right_before(
        self, row: QuotaDimension, state: CalendarState, right: CalendarState
    ) -> CalendarState:
        """The window before: too little in it is no drift where nobody said by which limits."""
        if state.before_start <= 0:
            return right
        window = (state.before_start, state.start)
        counted = self._counted(row, window, state.before_start)
        right = replace(right, before_held=self._held(row, state.before_start))
        says = spent(row, state.before_used, state.before_remainder)
        if says < counted.used and counted.used != counted.sure:
            return right
        used, remainder = divmod(counted.used, row.scale)
        return replace(right, before_used=used, before_remainder=remainder)

    def _differences(
        self, place: str, row: QuotaDimension, state: CalendarState, right: CalendarState
    ) -> Iterator[Finding]:
        window = (state.start, state.end)
        pairs = (
            ("used", spent(row, state.used, state.remainder),
             spent(row, right.used, right.remainder)),
            ("held", in_unit(row, state.held), in_unit(row, right.held)),
            ("used before", spent(row, state.before_used, state.before_remainder),
             spent(row, right.before_used, right.before_remainder)),
            ("held before", in_unit(row, state.before_held), in_unit(row, right.before_held)),
        )  # fmt: skip
        for what, ledger, books in pairs:
            if ledger != books:
                yield self._finding(
                    Kind.DIFFERS,
                    what,
                    place,
                    row,
                    (ledger, books),
                    window=window,
                    repaired=right.numbers(),
                )

    def _explained(
        self,
        place: str,
        row: QuotaDimension,
        state: CalendarState,
        counted: Counted,
        *,
        known: bool,
    ) -> Iterator[Finding]:
        """What did not count, and why that is no drift."""
        window, says = (state.start, state.end), spent(row, state.used, state.remainder)
        if not known:
            if counted.all:
                yield self._finding(
                    Kind.UNKNOWN, "used", place, row, (says, counted.all), window=window
                )
            return
        if counted.earlier:
            figures = (says, counted.earlier)
            finding = self._finding(Kind.SINCE, "used", place, row, figures, window=window)
            yield replace(finding, since=self._since(row, state))
        if counted.elsewhere:
            figures = (says, counted.elsewhere)
            yield self._finding(Kind.ELSEWHERE, "used", place, row, figures, window=window)

    def _since(self, row: QuotaDimension, state: CalendarState) -> int:
        """Since when a limit counts."""
        name = f"{self.scope.level}.{row.name}"
        return state.began if state.began > state.start else self.books.first(self.scope, name)

    def _missing(self, place: str, limit: ExpectedLimit, *, is_new: bool) -> Iterator[Finding]:
        """A limit of which the ledger has no state. `is_new`: it has others of the same scope, so
        that rows of gateways that said nothing may be older than the limit.
        """
        start, end = limit.window(self.look.now)
        if not end or self._forgets(limit.row):
            return
        counted = self._counted(limit.row, (start, end), start)
        used = counted.sure if is_new and not self.lost else counted.used
        if used:
            whole, remainder = divmod(used, limit.row.scale)
            most = 0 if limit.quota is None else max(0, limit.quota.limit)
            held = self._held(limit.row, start)
            state = CalendarState(start, end, whole, held, 0, most, remainder)
            yield self._finding(
                Kind.LOST,
                "used",
                place,
                limit.row,
                (0, used),
                window=(start, end),
                repaired=state.numbers(),
            )

    def _stale(self, place: str, limit: ExpectedLimit, state: CalendarState) -> Iterator[Finding]:
        """A window that has ended while the books know rows of the next one."""
        start, end = limit.window(self.look.now)
        if not end or self._forgets(limit.row):
            return
        start = max(start, state.end)
        used = self._counted(limit.row, (start, end), start).used
        if used and limit.quota is not None:
            whole, remainder = divmod(used, limit.row.scale)
            carried = max(0, min(limit.quota.options.rollover, state.left))
            left = state.limit + carried - state.used - state.held
            held = self._held(limit.row, start)
            fresh = CalendarState(
                start, end, whole, held, left, limit.quota.limit, remainder,
                state.start, state.used, state.held, state.remainder,
            )  # fmt: skip
            yield self._finding(
                Kind.LOST,
                "used",
                place,
                limit.row,
                (0, used),
                window=(start, end),
                repaired=fresh.numbers(),
            )

    def _forgets(self, row: QuotaDimension) -> bool:
        """Whether a state may be gone by right: an end user's, who shares one or was away."""
        return self.scope.level == "user" and (self.shared or row.period == "endless")

    def _finding(
        self,
        kind: Kind,
        what: str,
        place: str,
        row: QuotaDimension,
        figures: tuple[int, int],
        *,
        window: tuple[int, int] = (0, 0),
        repaired: StateNumbers = (),
    ) -> Finding:
        limit = self.limits.get(place)
        quota = None if limit is None else limit.quota
        zone = "UTC" if quota is None else quota.options.timezone
        return Finding(
            kind, self.shard, self.key, place, self.scope, row, what, *figures, window, zone,
            expected=self.look.scopes[self.key], repaired=repaired,
        )  # fmt: skip
