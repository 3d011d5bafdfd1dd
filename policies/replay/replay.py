"""Recorded requests under another policy: cost, mix, latency, quality, refusals.

Every policy and baseline is measured by the same yardstick (`policies.replay.yardstick`), so the
rows of a report can be compared with each other, and with those of `diff` and `tune`. Quality is
*predicted*: the classifier's probabilities, with a bootstrap interval and its coverage. It is
*observed* only on records whose outcome was judged and whose plan the policy makes too.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple
from zlib import crc32

from policies.decision import Decision, Denial
from policies.money import to_usd
from policies.policy import Policy
from policies.replay.baselines import Baseline, compare
from policies.replay.comparable import RecordSample
from policies.replay.estimates import BLOCKS, Interval
from policies.replay.experiment import Arm, Experiment
from policies.replay.record import Record
from policies.replay.refusals import Refusals, Use
from policies.replay.tally import Tally
from policies.replay.yardstick import Plan, Yardstick, plan_of

ENOUGH: Final = 30  # judged outcomes; from fewer, no observed quality is reported
_KINDS: Final = ("route", "tier", "customer")


@dataclass(frozen=True, slots=True)
class ReplayRow:
    """One group's figures. `cost_usd` is the total, `request_usd` the mean of a served request;
    `latency_ms` a mean over the mix.
    """

    requests: int
    denied: int
    refused: int
    kept: int
    cost_usd: float
    request_usd: float
    mix: Mapping[str, float]
    latency_ms: float | None
    quality: Interval
    coverage: float  # share of the served requests whose chosen backend has a probability
    observed: Interval
    judged: int
    denials: Mapping[str, int]

    @property
    def served(self) -> int:
        """Requests that were neither denied nor refused."""
        return self.requests - self.denied - self.refused


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """A replay's result; groups are kind ("route", "tier", "customer") -> name -> row."""

    policy: str
    total: ReplayRow
    groups: Mapping[str, Mapping[str, ReplayRow]]
    recorded_usd: float
    baselines: tuple[Baseline, ...]  # the policy first; empty where no record knows all backends
    arms: Mapping[str, Mapping[str, Arm]]  # route -> backend -> what a draw between them showed


class Answered(NamedTuple):
    """What became of one record: the plan is None where it was denied or met a 429."""

    answer: Decision | Denial
    plan: Plan | None
    block: int


class Replay:
    """Takes records one by one, and then makes the report."""

    def __init__(self, policy: Policy, *, compared: bool = True) -> None:
        """`compared`: the report says what the policy has to beat."""
        self._policy = policy
        self._refusals = Refusals(
            {name: tier.limits.get("organization", {}) for name, tier in policy.tiers.items()}
        )
        self._tallies: dict[tuple[str, str, str], Tally] = {}  # by route, tier, customer
        self.yardstick = Yardstick()
        self._experiment = Experiment()
        self._sample = RecordSample(policy.backends) if compared else None

    def feed(self, record: Record) -> Answered:
        """Decide one record again."""
        signals = record.signals
        answer = self._policy.decide(signals, record.hints)
        customer = signals.principal.organization
        key = (answer.route, signals.tier, customer)
        tally = self._tallies.get(key)
        if tally is None:
            tally = self._tallies[key] = Tally()
        self.yardstick.add(record)
        self._experiment.add(record)
        if isinstance(answer, Denial):
            tally.deny(answer.reason)
            return Answered(answer, None, 0)
        plan = plan_of(answer)
        if self._sample is not None:
            self._sample.add(record, plan)
        use = _use(record, round(self.yardstick.pico(plan)))
        if self._refusals.refuses(signals.tier, customer, record.at_ms, use):
            tally.refuse()
            return Answered(answer, None, 0)
        block = crc32((signals.request.conversation or record.id).encode()) % BLOCKS
        tally.serve(record, plan, block)
        return Answered(answer, plan, block)

    def report(self) -> ReplayReport:
        """The figures of everything fed so far."""
        comparable = self._sample.comparable(self.yardstick) if self._sample else None
        return ReplayReport(
            policy=self._policy.version,
            total=row_of(_sum(self._tallies.values()), self.yardstick),
            groups={kind: self._group(place) for place, kind in enumerate(_KINDS)},
            recorded_usd=to_usd(self.yardstick.total_pico),
            baselines=() if comparable is None else tuple(compare(comparable)),
            arms=self._experiment.arms(),
        )

    def row(self, kind: str, name: str) -> ReplayRow:
        """One group's row of the report. Raises KeyError where no record fell into it."""
        return row_of(self._merged(_KINDS.index(kind))[name], self.yardstick)

    def _group(self, place: int) -> dict[str, ReplayRow]:
        merged = sorted(self._merged(place).items())
        return {name: row_of(tally, self.yardstick) for name, tally in merged}

    def _merged(self, place: int) -> dict[str, Tally]:
        merged: dict[str, Tally] = {}
        for key, tally in self._tallies.items():
            merged.setdefault(key[place], Tally()).merge(tally)
        return merged


def row_of(tally: Tally, yardstick: Yardstick) -> ReplayRow:
    """What the sums of a group come to."""
    served = tally.requests - tally.denied - tally.refused
    cost_usd = yardstick.dollars(tally.spent, tally.checks)
    return ReplayRow(
        requests=tally.requests,
        denied=tally.denied,
        refused=tally.refused,
        kept=tally.kept,
        cost_usd=cost_usd,
        request_usd=cost_usd / max(served, 1),
        mix={name: count / max(served, 1) for name, count in sorted(tally.chosen.items())},
        latency_ms=yardstick.latency_ms(tally.chosen),
        quality=tally.predicted.interval(),
        coverage=tally.predicted.count / max(served, 1),
        observed=tally.observed.interval(at_least=ENOUGH),
        judged=tally.observed.count,
        denials=dict(sorted(tally.denials.items(), key=lambda item: -item[1])),
    )


def replay(policy: Policy, records: Iterable[Record]) -> ReplayReport:
    """Decide every record again under `policy`."""
    run = Replay(policy)
    for record in records:
        run.feed(record)
    return run.report()


def _sum(tallies: Iterable[Tally]) -> Tally:
    total = Tally()
    for tally in tallies:
        total.merge(tally)
    return total


def _use(record: Record, cost_pico: int) -> Use:
    """What the request would use under its limits: real tokens where known, else the prompt's."""
    outcome = record.outcome
    if outcome is None:
        return Use(record.signals.prompt.tokens, 0, cost_pico)
    return Use(outcome.input_tokens, outcome.output_tokens, cost_pico)
