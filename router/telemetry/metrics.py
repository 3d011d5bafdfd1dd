"""Counting in plain integers on the hot path, exposition only when somebody asks.

An instrument call of a metrics library costs about as much as a routing decision, so the request
path adds to dictionaries of integers, and a collector turns them into Prometheus families at each
scrape.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable
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
from router.telemetry.metric import Labels, Metric, Values

REQUESTS: Final = Metric(
    "turnout_requests",
    "counter",
    ("route", "backend", "status"),
    "Inference requests answered, by HTTP status; backend is empty where none was chosen.",
)
OUTCOMES: Final = Metric(
    "turnout_outcomes",
    "counter",
    ("backend", "outcome"),
    "Admitted requests by how they ended: completed, disconnected, failed, cut.",
)
TOKENS: Final = Metric(
    "turnout_tokens",
    "counter",
    ("backend", "direction"),
    "Tokens used: direction is input or output.",
)
COST: Final = Metric(
    "turnout_cost_usd", "counter", ("backend",), "Cost of what was served, in USD, by price book."
)
UNITS_USED: Final = Metric(
    "turnout_units",
    "counter",
    ("operation", "unit"),
    "What was used besides tokens, by what was asked: images, seconds, requests of declared paths.",
)
DURATION: Final = Metric(
    "turnout_request_seconds",
    "histogram",
    ("backend",),
    "From the first byte in to the last byte out, the backend's time included.",
)
RELOADS: Final = Metric(
    "turnout_reloads",
    "counter",
    ("result",),
    "Reloads of the documents: done, or refused while the old ones stay in force.",
)
IN_FLIGHT: Final = Metric("turnout_in_flight", "gauge", (), "Inference requests being served.")
WEBSOCKETS: Final = Metric("turnout_websockets", "gauge", (), "WebSockets that are open.")
STALLED: Final = Metric(
    "turnout_stalled_clients",
    "counter",
    (),
    "Connections cut because their client read nothing for `stream.unread`.",
)
DENIALS: Final = Metric(
    "turnout_denials",
    "counter",
    ("limit", "level", "tier"),
    "Requests refused to a known key: by which limit (`tokens_per_day`, or what a policy said), at "
    "which level (`policy` and `gateway` beside those of limits), by tier.",
)
_OF_REQUESTS: Final = (REQUESTS, OUTCOMES, TOKENS, COST, UNITS_USED, DURATION)
COUNTED: Final = (*_OF_REQUESTS, DENIALS, RELOADS, IN_FLIGHT, WEBSOCKETS, STALLED)

Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily
Read = Callable[[], Iterable[tuple[Metric, Values]]]

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

    def __init__(self, gauges: Read = tuple) -> None:
        self.requests: dict[Labels, int] = defaultdict(int)
        self._used: dict[Labels, _Used] = {}  # by backend and outcome
        self._units: dict[Labels, int] = defaultdict(int)
        self.denials: dict[Labels, int] = defaultdict(int)
        self.reloads: dict[Labels, int] = defaultdict(int)
        self.in_flight = 0
        self.websockets = 0
        self.stalled_clients = 0
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
        if charge.usage.units:
            for unit, count in charge.usage.units:
                self._units[charge.operation or "", unit] += count

    def collect(self) -> Iterable[Family]:
        """Yield every family, as Prometheus wants them: what is counted here, then the gauges."""
        yield _family(REQUESTS, self.requests)
        for metric, values in self._uses():
            yield _family(metric, values)
        yield _family(UNITS_USED, self._units)
        yield self._histogram(DURATION)
        yield _family(DENIALS, self.denials)
        yield _family(RELOADS, self.reloads)
        yield _family(IN_FLIGHT, {(): self.in_flight})
        yield _family(WEBSOCKETS, {(): self.websockets})
        yield _family(STALLED, {(): self.stalled_clients})
        for metric, values in self.gauges():
            yield _family(metric, values)

    def _uses(self) -> Iterable[tuple[Metric, Values]]:
        outcomes: dict[Labels, float] = {}
        tokens: dict[Labels, float] = defaultdict(int)
        pico: dict[Labels, int] = defaultdict(int)
        for (backend, outcome), used in self._used.items():
            outcomes[backend, str(outcome)] = used.requests
            tokens[backend, "input"] += used.input_tokens
            tokens[backend, "output"] += used.output_tokens
            pico[backend,] += used.cost_pico
        cost = {key: to_usd(spent) for key, spent in pico.items()}
        return (OUTCOMES, outcomes), (TOKENS, tokens), (COST, cost)

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


def _family(metric: Metric, values: Values) -> Family:
    build = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    family = build(metric.name, metric.help, labels=metric.labels)
    for key, value in list(values.items()):
        family.add_metric(key, value)
    return family
