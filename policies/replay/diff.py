"""Compares two policies over one log: which requests move, and how cost and quality change."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from zlib import crc32

from policies.decision import Decision, Denial
from policies.money import to_usd
from policies.policy import Policy
from policies.replay.estimates import BLOCKS, Blocks, Interval
from policies.replay.record import Record
from policies.replay.replay import Replay, ReplayReport


@dataclass(frozen=True, slots=True)
class Diff:
    """Both reports, and how many requests moved from one backend (or denial) to another.

    The changes are of the mean request that both policies serve, paired, so their intervals are
    narrower than those of the two reports: expected cost in USD, and P(success) where known.
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


def diff(before: Policy, after: Policy, records: Iterable[Record]) -> Diff:
    """Decide every record under both policies."""
    old, new = Replay(before), Replay(after)
    moves: dict[tuple[str, str], int] = {}
    cost, quality = Blocks(), Blocks()
    for record in records:
        was, becomes = old.feed(record), new.feed(record)
        pair = (_destination(was), _destination(becomes))
        if pair[0] != pair[1]:
            moves[pair] = moves.get(pair, 0) + 1
        if isinstance(was, Decision) and isinstance(becomes, Decision):
            block = crc32((record.signals.request.conversation or record.id).encode()) % BLOCKS
            pico = becomes.cost_pico[becomes.backend] - was.cost_pico[was.backend]
            cost.add(block, to_usd(pico))
            first, second = was.success.get(was.backend), becomes.success.get(becomes.backend)
            if first is not None and second is not None:
                quality.add(block, second - first)
    ranked = sorted(moves.items(), key=lambda item: -item[1])
    return Diff(old.report(), new.report(), dict(ranked), cost.interval(), quality.interval())


def _destination(answer: Decision | Denial) -> str:
    return answer.backend if isinstance(answer, Decision) else "denied"
