"""Counting in plain integers on the hot path, exposition only when somebody asks.

An instrument call of a metrics library costs about as much as a routing decision, so the request
path adds to dictionaries of integers, and a collector turns them into Prometheus families at each
scrape.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from prometheus_client.core import (
    CollectorRegistry,
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from policies.money import to_usd
from router.domain import Charge
from router.telemetry import names
from router.telemetry.names import Metric

Labels = tuple[str, ...]
Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily
Readings = Mapping[Metric, Mapping[Labels, float]]

BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)


@dataclass(slots=True)
class _Used:
    """What the requests of one backend that ended alike have used."""

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_pico: int = 0


class Metrics(Collector):
    """The gateway's own counts. `gauges` are read at scrape time, from whoever knows them."""

    def __init__(self, gauges: Callable[[], Readings] = dict) -> None:
        self.requests: dict[Labels, int] = defaultdict(int)
        self._used: dict[Labels, _Used] = {}  # by backend and outcome
        self.reloads: dict[Labels, int] = defaultdict(int)
        self.in_flight = 0
        self._buckets: dict[Labels, list[int]] = {}
        self._seconds: dict[Labels, float] = defaultdict(float)
        self.gauges = gauges
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def answered(self, route: str, backend: str, status: int, seconds: float) -> None:
        """Count one finished request and how long it took."""
        self.requests[route, backend, str(status)] += 1
        key = (backend,)
        buckets = self._buckets.get(key)
        if buckets is None:
            buckets = self._buckets[key] = [0] * (len(BOUNDS) + 1)
        buckets[bisect_left(BOUNDS, seconds)] += 1
        self._seconds[key] += seconds

    def charged(self, charge: Charge) -> None:
        """Count what an admitted request used."""
        key = (charge.backend or "", charge.outcome)
        used = self._used.get(key)
        if used is None:
            used = self._used[key] = _Used()
        used.requests += 1
        used.input_tokens += charge.usage.input_tokens
        used.output_tokens += charge.usage.output_tokens
        used.cost_pico += charge.cost_pico

    def collect(self) -> Iterable[Family]:
        """Yield every family of `names.METRICS`, as Prometheus wants them."""
        readings: dict[Metric, Mapping[Labels, float]] = {
            names.REQUESTS: self.requests,
            **self._uses(),
            names.RELOADS: self.reloads,
            names.IN_FLIGHT: {(): self.in_flight},
            **self.gauges(),
        }
        for metric in names.METRICS:
            if metric.kind == "histogram":
                yield self._histogram(metric)
            else:
                yield _family(metric, readings.get(metric, {}))

    def _uses(self) -> Readings:
        outcomes: dict[Labels, float] = {}
        tokens: dict[Labels, float] = defaultdict(int)
        pico: dict[Labels, int] = defaultdict(int)
        for (backend, outcome), used in self._used.items():
            outcomes[backend, str(outcome)] = used.requests
            tokens[backend, "input"] += used.input_tokens
            tokens[backend, "output"] += used.output_tokens
            pico[backend,] += used.cost_pico
        cost = {key: to_usd(spent) for key, spent in pico.items()}
        return {names.OUTCOMES: outcomes, names.TOKENS: tokens, names.COST: cost}

    def _histogram(self, metric: Metric) -> HistogramMetricFamily:
        family = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
        bounds = [*(str(bound) for bound in BOUNDS), "+Inf"]
        for key, buckets in self._buckets.items():
            cumulative = accumulate(buckets)
            family.add_metric(
                key, list(zip(bounds, map(float, cumulative), strict=True)), self._seconds[key]
            )
        return family

    def exposition(self) -> bytes:
        """Return the Prometheus text format."""
        return generate_latest(self._registry)


def _family(metric: Metric, readings: Mapping[Labels, float]) -> Family:
    build = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    family = build(metric.name, metric.help, labels=metric.labels)
    for key, value in list(readings.items()):
        family.add_metric(key, value)
    return family
