"""A scarce GPU at 150 % load: who leaves it, with the shadow price and without.

    .venv/bin/python bench/spill.py

A simulated GPU of 8 slots serves a good model next to a paid one of middle and one of high price.
Each request goes where price plus (1 - P(success)) x failure cost is least. `first come`: to the
GPU while a slot is free, else where it is next cheapest. `shadow price`: it costs more as it fills
(router.backends.health.slots.shadow_price), so that those who are served nearly as well elsewhere
leave first. Time is simulated: nothing waits, and the same seed gives the same figures.
"""

import argparse
import heapq
import random
import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from router.backends.health.slots import cost_elsewhere, shadow_price

SLOTS = 8
FAILURE_PICO = 30_000_000_000  # what a wrong answer costs: 3 cents, a few seconds of a person
# pico-USD per token: (input, output)
PRICES = {"gpu": (20_000, 40_000), "moe": (300_000, 1_200_000), "premium": (5_000_000, 30_000_000)}
TOKENS_PER_SECOND = 60.0


@dataclass(frozen=True)
class Arrival:
    """One arrival: when, how long, and how well each backend would do."""

    at: float
    tokens: tuple[int, int]
    success: dict[str, float]

    def cost(self, backend: str) -> int:
        price = PRICES[backend]
        return self.tokens[0] * price[0] + self.tokens[1] * price[1]

    def total(self, backend: str) -> float:
        return self.cost(backend) + (1.0 - self.success[backend]) * FAILURE_PICO


@dataclass(frozen=True)
class RunMeans:
    """Means per request over a run: pico-USD paid elsewhere, P(success), their sum as one cost."""

    paid: float
    success: float
    total: float
    on_gpu: float


def arrivals(count: int, load: float, rand: random.Random) -> Iterator[Arrival]:
    """Requests of mixed difficulty, so many that they would need `load` times the slots."""
    mean_output = 300.0
    rate = load * SLOTS / (mean_output / TOKENS_PER_SECOND)
    at = 0.0
    for _ in range(count):
        at += rand.expovariate(rate)
        hard = rand.betavariate(0.8, 1.2)  # 0 easy, 1 hard
        premium = 0.98 - 0.15 * hard**2
        gpu = premium - rand.uniform(0.0, 0.12) * hard
        moe = premium - rand.uniform(0.0, 0.60) * hard
        output = max(20, int(rand.expovariate(1.0 / mean_output)))
        success = {"gpu": max(0.02, gpu), "moe": max(0.05, moe), "premium": premium}
        yield Arrival(at, (rand.randint(50, 1500), output), success)


def run(requests: list[Arrival], *, shadow: bool) -> RunMeans:
    """Send every request somewhere; the GPU's slots are the only thing that is scarce."""
    busy: list[float] = []  # when each taken slot falls free
    paid, success, total, on_gpu = [], [], [], 0
    for request in requests:
        while busy and busy[0] <= request.at:
            heapq.heappop(busy)
        elsewhere = cost_elsewhere({name: request.cost(name) for name in PRICES}, "gpu")
        extra = shadow_price(len(busy) / SLOTS, elsewhere) if shadow else 0
        offers = {name: request.total(name) + (extra if name == "gpu" else 0) for name in PRICES}
        if len(busy) >= SLOTS:
            offers.pop("gpu")
        chosen = min(offers, key=offers.__getitem__)
        if chosen == "gpu":
            heapq.heappush(busy, request.at + request.tokens[1] / TOKENS_PER_SECOND)
            on_gpu += 1
        paid.append(0 if chosen == "gpu" else request.cost(chosen))
        success.append(request.success[chosen])
        total.append(request.total(chosen))
    return RunMeans(
        statistics.fmean(paid), statistics.fmean(success), statistics.fmean(total),
        on_gpu / len(requests),
    )  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--load", type=float, default=1.5)
    parser.add_argument("--seeds", type=int, default=10)
    asked = parser.parse_args()
    kept: list[tuple[RunMeans, RunMeans]] = []
    for seed in range(asked.seeds):
        requests = list(arrivals(asked.requests, asked.load, random.Random(seed)))
        kept.append((run(requests, shadow=False), run(requests, shadow=True)))
    what = f"{asked.seeds} x {asked.requests} requests at {asked.load:.0%} of {SLOTS} slots"
    print(f"{what}, means per request")
    print(f"{'':14}{'paid elsewhere':>16}{'P(success)':>12}{'total cost':>16}{'on the GPU':>12}")
    for name, results in (
        ("first come", [k[0] for k in kept]),
        ("shadow price", [k[1] for k in kept]),
    ):
        paid, success, total, on_gpu = (
            statistics.fmean(getattr(r, field) for r in results)
            for field in ("paid", "success", "total", "on_gpu")
        )
        print(
            f"{name:14}{paid / 1e6:11.1f} µUSD{success:12.4f}{total / 1e6:11.1f} µUSD{on_gpu:12.1%}"
        )
    better = sum(b.paid < a.paid and b.success > a.success for a, b in kept)
    print(f"paid less and answered better in {better} of {asked.seeds} runs")
    return int(better < asked.seeds)


if __name__ == "__main__":
    sys.exit(main())
