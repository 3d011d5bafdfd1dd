"""Backends as a log shows them: their real cost and latency, and records to compare them on."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from policies.money import to_usd
from policies.replay.baselines import ComparableRecords
from policies.replay.record import Record

MAX_SAMPLE: Final = 200_000  # records kept for the baselines; beyond it every second one is dropped


class BackendMeasurements:
    """Real cost and latency of each backend, from the outcomes in a log."""

    __slots__ = ("_cost", "_expected", "_latency", "total_pico")

    def __init__(self) -> None:
        self.total_pico = 0
        self._cost: dict[str, int] = {}
        self._expected: dict[str, int] = {}
        self._latency: dict[str, tuple[int, int]] = {}

    def add(self, record: Record) -> None:
        """Count one record's outcome, if it has one."""
        outcome = record.outcome
        if outcome is None or not outcome.backend:
            return
        name = outcome.backend
        self.total_pico += outcome.cost_pico
        signals = record.signals.backends.get(name)
        if signals is not None and outcome.end == "completed":
            self._cost[name] = self._cost.get(name, 0) + outcome.cost_pico
            self._expected[name] = self._expected.get(name, 0) + signals.cost_pico
        if outcome.latency_ms is not None:
            total, count = self._latency.get(name, (0, 0))
            self._latency[name] = (total + outcome.latency_ms, count + 1)

    def ratio(self, backend: str) -> float:
        """Real cost over expected cost; 1 where the log has no expected cost."""
        expected = self._expected.get(backend, 0)
        return self._cost[backend] / expected if expected else 1.0

    def latency_ms(self, chosen: Mapping[str, int]) -> float | None:
        """Mean latency of a mix of backends; None where the log has none of them."""
        known = {name: count for name, count in chosen.items() if name in self._latency}
        requests = sum(known.values())
        if not requests:
            return None
        means = {name: self._latency[name][0] / self._latency[name][1] for name in known}
        return sum(count * means[name] for name, count in known.items()) / requests


class RecordSample:
    """Records that have cost and P(success) of every backend, so that all can be compared."""

    __slots__ = ("_names", "_rows", "_seen", "_step")

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)
        self._rows: list[tuple[float, ...]] = []  # tokens, chosen, costs ..., probabilities ...
        self._seen = 0
        self._step = 1

    def add(self, record: Record, chosen: str) -> None:
        """Keep a record if it has cost and probability of every backend."""
        self._seen += 1
        if self._seen % self._step:
            return
        backends = record.signals.backends
        costs: list[float] = []
        probabilities: list[float] = []
        for name in self._names:
            backend = backends.get(name)
            if backend is None or backend.success is None:
                return
            costs.append(backend.cost_pico)
            probabilities.append(backend.success)
        head = (record.signals.prompt.tokens, self._names.index(chosen))
        self._rows.append((*head, *costs, *probabilities))
        if len(self._rows) > MAX_SAMPLE:
            del self._rows[::2]
            self._step *= 2

    def comparable(self, measured: BackendMeasurements) -> ComparableRecords | None:
        """The sample, with its costs scaled to what backends really cost; None if it is empty."""
        if not self._rows:
            return None
        table = np.asarray(self._rows, dtype=float)
        count = len(self._names)
        scale = np.asarray([to_usd(measured.ratio(name)) for name in self._names])
        return ComparableRecords(
            names=self._names,
            costs=table[:, 2 : 2 + count] * scale,
            success=table[:, 2 + count :],
            tokens=table[:, 0],
            chosen=table[:, 1].astype(int),
        )
