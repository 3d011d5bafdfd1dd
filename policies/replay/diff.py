"""Compares two policies over one log: which requests move, and how cost and quality change."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from policies.decision import Decision, Denial
from policies.money import to_usd
from policies.policy import Policy
from policies.replay.estimates import Blocks, Interval
from policies.replay.record import Record
from policies.replay.replay import Replay, ReplayReport
from policies.replay.yardstick import Plan, Yardstick


@dataclass(frozen=True, slots=True)
class Diff:
    """Both reports, and how many requests moved from one backend (or denial) to another.

    The changes are of the mean request that both policies serve, paired, so their intervals are
    narrower than those of the two reports: cost in USD by the yardstick of both reports, and
    P(success) where known.
    """

    before: ReplayReport
    after: ReplayReport
    moves: Mapping[tuple[str, str], int]
    cost_change: Interval
    quality_change: Interval

    @property
    def moved(self) -> int:
        """Requests that are served elsewhere, or not at all."""
        return sum(self.moves.values())


class _CostChange:
    """Differences of expected cost, apart by backend until the whole log has shown what each one
    really costs.
    """

    def __init__(self) -> None:
        self._checks = Blocks()
        self._spent: dict[str, Blocks] = {}

    def add(self, block: int, was: Plan, becomes: Plan) -> None:
        """Count a request that both policies serve."""
        self._checks.add(block, to_usd(becomes.checks - was.checks))
        for plan, sign in ((was, -1), (becomes, 1)):
            for name, pico in plan.spent:
                self._spent.setdefault(name, Blocks()).add(block, to_usd(sign * pico))

    def interval(self, yardstick: Yardstick) -> Interval:
        """The change of the mean request in USD."""
        changes = Blocks()
        changes.merge(self._checks)
        for name, spent in self._spent.items():
            ratio = yardstick.ratio(name)
            for block, dollars in spent.sums.items():
                changes.sums[block] += dollars * ratio
        return changes.interval()


def diff(before: Policy, after: Policy, records: Iterable[Record]) -> Diff:
    """Decide every record under both policies."""
    old, new = Replay(before), Replay(after)
    moves: dict[tuple[str, str], int] = {}
    cost, quality = _CostChange(), Blocks()
    for record in records:
        was, becomes = old.feed(record), new.feed(record)
        pair = (_destination(was.answer), _destination(becomes.answer))
        if pair[0] != pair[1]:
            moves[pair] = moves.get(pair, 0) + 1
        if was.plan is not None and becomes.plan is not None:
            cost.add(was.block, was.plan, becomes.plan)
            first, second = was.plan.success, becomes.plan.success
            if first is not None and second is not None:
                quality.add(was.block, second - first)
    ranked = sorted(moves.items(), key=lambda item: -item[1])
    change = cost.interval(new.yardstick)
    return Diff(old.report(), new.report(), dict(ranked), change, quality.interval())


def _destination(answer: Decision | Denial) -> str:
    return answer.backend if isinstance(answer, Decision) else "denied"
