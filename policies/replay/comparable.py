"""Records on which a policy can be compared with every backend alone."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from policies.money import to_usd
from policies.replay.baselines import ComparableRecords
from policies.replay.record import Record
from policies.replay.yardstick import Plan, Yardstick

MAX_SAMPLE: Final = 200_000  # records kept for the baselines; beyond it every second one is dropped
_HEAD: Final = 4  # numbers of a row that are not of a backend


class RecordSample:
    """Records that have cost and P(success) of every backend, so that all can be compared."""

    __slots__ = ("_names", "_rows", "_seen", "_step")

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)
        # tokens, chosen, P(success) and checks of the plan, its costs ..., costs ..., successes ...
        self._rows: list[tuple[float, ...]] = []
        self._seen = 0
        self._step = 1

    def add(self, record: Record, plan: Plan) -> None:
        """Keep a record and what was planned for it, if it has cost and probability of every
        backend.
        """
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
        own = [0.0] * len(self._names)
        for name, cost in plan.spent:
            own[self._names.index(name)] = cost
        chosen = self._names.index(plan.backend)
        head = (record.signals.prompt.tokens, chosen, plan.success or 0.0, plan.checks)
        self._rows.append((*head, *own, *costs, *probabilities))
        if len(self._rows) > MAX_SAMPLE:
            del self._rows[::2]
            self._step *= 2

    def comparable(self, yardstick: Yardstick) -> ComparableRecords | None:
        """The sample, with its costs scaled to what backends really cost; None if it is empty."""
        if not self._rows:
            return None
        table = np.asarray(self._rows, dtype=float)
        count = len(self._names)
        scale = np.asarray([to_usd(yardstick.ratio(name)) for name in self._names])
        tokens, chosen, success, checks = table[:, :_HEAD].T
        own, costs, each = np.split(table[:, _HEAD:], (count, 2 * count), axis=1)
        return ComparableRecords(
            names=self._names,
            costs=costs * scale,
            success=each,
            tokens=tokens,
            chosen=chosen.astype(int),
            own_costs=own @ scale + to_usd(1) * checks,
            own_success=success,
        )
