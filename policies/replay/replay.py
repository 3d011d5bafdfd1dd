"""Recorded requests under another policy: cost, mix, latency, quality, refusals.

Every policy and baseline is measured by the same figures, the record's own expected cost and
P(success) of each backend, so the rows of a report can be compared with each other. Costs are
then scaled by what each backend really cost over what was expected, where the log knows. Quality
is *predicted*: the classifier's probabilities, with a bootstrap interval and its coverage. It is
*observed* only on records whose outcome was judged and whose backend the policy chooses too.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from zlib import crc32

from policies.decision import Decision, Denial
from policies.money import to_usd
from policies.policy import Policy
from policies.replay.baselines import Baseline, compare
from policies.replay.estimates import BLOCKS, Interval
from policies.replay.experiment import Arm, Experiment
from policies.replay.outcome_model import BackendMeasurements, RecordSample
from policies.replay.record import Record
from policies.replay.refusals import Refusals, Use
from policies.replay.tally import Tally

ENOUGH: Final = 30  # judged outcomes; from fewer, no observed quality is reported
_KINDS: Final = ("route", "tier", "customer")


@dataclass(frozen=True, slots=True)
class ReplayRow:
    """One group's figures. `cost_usd` is the total; `latency_ms` a mean over the mix."""

    requests: int
    denied: int
    refused: int
    kept: int
    cost_usd: float
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


class Replay:
    """Takes records one by one, and then makes the report."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._refusals = Refusals(
            {name: tier.limits.get("organization", {}) for name, tier in policy.tiers.items()}
        )
        self._tallies: dict[tuple[str, str, str], Tally] = {}  # by route, tier, customer
        self._measured = BackendMeasurements()
        self._experiment = Experiment()
        self._sample = RecordSample(policy.backends)

    def feed(self, record: Record) -> Decision | Denial:
        """Decide one record again."""
        signals = record.signals
        answer = self._policy.decide(signals, record.hints)
        customer = signals.principal.organization
        key = (answer.route, signals.tier, customer)
        tally = self._tallies.get(key)
        if tally is None:
            tally = self._tallies[key] = Tally()
        self._measured.add(record)
        self._experiment.add(record)
        if isinstance(answer, Denial):
            tally.deny(answer.reason)
            return answer
        backend = answer.candidates[0]
        self._sample.add(record, backend)
        use = _use(record, answer.cost_pico[backend])
        if self._refusals.refuses(signals.tier, customer, record.at_ms, use):
            tally.refuse()
        else:
            block = crc32((signals.request.conversation or record.id).encode()) % BLOCKS
            tally.serve(record, answer, block)
        return answer

    def report(self) -> ReplayReport:
        """The figures of everything fed so far."""
        comparable = self._sample.comparable(self._measured)
        return ReplayReport(
            policy=self._policy.version,
            total=self._row(_sum(self._tallies.values())),
            groups={kind: self._group(place) for place, kind in enumerate(_KINDS)},
            recorded_usd=to_usd(self._measured.total_pico),
            baselines=() if comparable is None else tuple(compare(comparable)),
            arms=self._experiment.arms(),
        )

    def _group(self, place: int) -> dict[str, ReplayRow]:
        merged: dict[str, Tally] = {}
        for key, tally in self._tallies.items():
            merged.setdefault(key[place], Tally()).merge(tally)
        return {name: self._row(tally) for name, tally in sorted(merged.items())}

    def _row(self, tally: Tally) -> ReplayRow:
        served = max(tally.requests - tally.denied - tally.refused, 1)
        measured = self._measured
        cost = sum(pico * measured.ratio(name) for name, pico in tally.expected_pico.items())
        return ReplayRow(
            requests=tally.requests,
            denied=tally.denied,
            refused=tally.refused,
            kept=tally.kept,
            cost_usd=to_usd(cost),
            mix={name: count / served for name, count in sorted(tally.chosen.items())},
            latency_ms=measured.latency_ms(tally.chosen),
            quality=tally.predicted.interval(),
            coverage=tally.predicted.count / served,
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


def _use(record: Record, expected_pico: int) -> Use:
    """What the request would use under its limits: real tokens where known, else the prompt's."""
    outcome = record.outcome
    if outcome is None:
        return Use(record.signals.prompt.tokens, 0, expected_pico)
    return Use(outcome.input_tokens, outcome.output_tokens, expected_pico)
