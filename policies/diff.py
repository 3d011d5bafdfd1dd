"""Two policies over one log, in short: what changes, for whom, at what price."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from policies.decision import Decision, Denial
from policies.policy import Policy
from policies.record import Record
from policies.replay import Replay, Report


@dataclass(frozen=True, slots=True)
class Diff:
    """Both reports, and how many requests moved from one backend (or denial) to another."""

    before: Report
    after: Report
    moves: Mapping[tuple[str, str], int]

    @property
    def moved(self) -> int:
        """Requests that are served elsewhere, or not at all."""
        return sum(self.moves.values())


def diff(before: Policy, after: Policy, records: Iterable[Record]) -> Diff:
    """Decide every record under both policies."""
    old, new = Replay(before), Replay(after)
    moves: dict[tuple[str, str], int] = {}
    for record in records:
        pair = (_destination(old.feed(record)), _destination(new.feed(record)))
        if pair[0] != pair[1]:
            moves[pair] = moves.get(pair, 0) + 1
    ranked = sorted(moves.items(), key=lambda item: -item[1])
    return Diff(old.report(), new.report(), dict(ranked))


def _destination(answer: Decision | Denial) -> str:
    return answer.backend if isinstance(answer, Decision) else "denied"
