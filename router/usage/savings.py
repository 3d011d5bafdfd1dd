"""What routing saved, and what it cost in quality: from stored usage and audits. Pure."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from policies.money import to_usd
from router.usage.store import UNKNOWN
from router.usage.used import together
from router.usage_row import UsageRow

_Z: Final = 1.959964  # of a 95 % interval


_SUMMED: Final = (
    *("requests", "input_tokens", "output_tokens", "busy_ms", "energy_mj", "metered"),
    *("cost_pico", "baseline_pico", "uncompared"),
)


@dataclass(frozen=True, slots=True)
class Quality:
    """A mean score (0..1) of so many audited answers, with its 95 % interval (Wilson)."""

    mean: float
    low: float
    high: float
    answers: int


@dataclass(frozen=True, slots=True)
class Line:
    """One backend, or all of them: what it did, and what the same would have cost at the baseline.

    `uncompared` are the requests of which nobody can say that: they count there at what they cost.
    None stands for what is not known; nothing is guessed.
    """

    backend: str
    requests: int
    tokens: int
    cost_pico: int
    baseline_pico: int
    uncompared: int
    predicted: float | None
    joules_per_request: float | None
    energy_source: str | None
    tokens_per_second: float | None
    cost_per_success_pico: int | None
    quality: Quality | None

    @property
    def saved(self) -> float | None:
        """The share of the baseline's cost that was not spent."""
        return 1 - self.cost_pico / self.baseline_pico if self.baseline_pico else None

    @property
    def tokens_per_second_per_usd(self) -> float | None:
        """Output per second, over what a thousand requests cost in USD."""
        if self.tokens_per_second is None or not self.cost_pico or not self.requests:
            return None
        thousand = to_usd(self.cost_pico * 1000 / self.requests)
        return self.tokens_per_second / thousand


@dataclass(frozen=True, slots=True)
class Checks:
    """What cascades did in the requests in which one verifier fired (`passed`: none did).

    `direct_pico` is what the delivered answers would have cost at the cascade's last step, asked
    alone, at the prices of their day.
    """

    verifier: str
    requests: int
    rejected_pico: int
    judge_pico: int
    cost_pico: int
    direct_pico: int

    @property
    def saved_pico(self) -> int:
        """What asking a cheaper backend first saved; negative where it cost more."""
        return self.direct_pico - self.cost_pico


def checks(rows: Iterable[Mapping[str, Any]]) -> list[Checks]:
    """Return a line for each verifier, most frequent first, and one named `total` for all.

    `rows` as UsageStore.cascades gives them.
    """
    lines = sorted((Checks(**row) for row in rows), key=lambda line: -line.requests)
    if not lines:
        return []
    return [
        *lines,
        Checks(
            "total",
            sum(line.requests for line in lines),
            sum(line.rejected_pico for line in lines),
            sum(line.judge_pico for line in lines),
            sum(line.cost_pico for line in lines),
            sum(line.direct_pico for line in lines),
        ),
    ]


def quality_of(scores: Sequence[float]) -> Quality | None:
    """Return the mean of audits' scores with its interval; None without any."""
    n = len(scores)
    if n == 0:
        return None
    mean = sum(scores) / n
    centre = (mean + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z * math.sqrt(mean * (1 - mean) / n + _Z**2 / (4 * n**2)) / (1 + _Z**2 / n)
    return Quality(mean, max(0.0, centre - half), min(1.0, centre + half), n)


@dataclass(slots=True)
class Beside:
    """What rows would have cost at a baseline, in pico-USD; `uncompared` are the requests of which
    nobody can say so: they count at what they cost.
    """

    rows: int = 0
    pico: int = 0
    uncompared: int = 0

    def add(self, row: UsageRow, pico: int | None) -> None:
        """Count a row that would have cost so much."""
        self.rows += 1
        self.pico += row.cost_pico if pico is None else pico
        self.uncompared += row.requests if pico is None else 0


def with_gone(beside: dict[str, Beside], gone: Iterable[Mapping[str, Any]]) -> dict[str, Beside]:
    """Count rows that are no longer there (see UsageStore.gone) at what they cost."""
    for row in gone:
        one = beside.setdefault(row["backend"], Beside())
        one.pico += row["cost_pico"]
        one.uncompared += row["requests"]
    return beside


def priced_beside(
    rows: Iterable[UsageRow], cost: Callable[[UsageRow], int | None]
) -> dict[str, Beside]:
    """Price rows one by one (see UsageStore.each), and return the sums by backend.

    `cost` is what a request would have cost; a correction costs the difference that it made.
    """
    beside: dict[str, Beside] = {}
    first: tuple[UsageRow, int | None] | None = None
    for row in rows:
        if row.seq == 0:
            pico = cost(row)
            first = row, pico
        else:
            known = first is not None and first[0].hold_id == row.hold_id
            pico = _difference(first, row, cost) if known and first is not None else None
        beside.setdefault(row.backend or UNKNOWN, Beside()).add(row, pico)
    return beside


def _difference(
    first: tuple[UsageRow, int | None], row: UsageRow, cost: Callable[[UsageRow], int | None]
) -> int | None:
    """What a correction would have come to."""
    before, after = first[1], cost(together(first[0], row))
    return None if before is None or after is None else after - before


def savings(
    rows: Iterable[Mapping[str, Any]],
    audits: Iterable[tuple[str, float]],
    beside: Mapping[str, Beside] = MappingProxyType({}),
    *,
    stored: bool = True,
) -> list[Line]:
    """Return a line for each backend, and one named `total` for all.

    `rows` as UsageStore.backends gives them, `audits` backend and score. `beside` is what was
    priced anew; it counts with what was `stored`, or in its place.
    """
    scores: dict[str, list[float]] = {}
    for backend, score in audits:
        scores.setdefault(backend, []).append(score)
    kept = [_priced(row, beside.get(row["backend"], Beside()), stored=stored) for row in rows]
    lines = [_line(row, scores.get(row["backend"], [])) for row in kept]
    if kept:
        everything = [score for each in scores.values() for score in each]
        lines.append(_line(_sum(kept), everything))
    return lines


def _priced(row: Mapping[str, Any], anew: Beside, *, stored: bool) -> dict[str, Any]:
    """A backend's row with all that is to be compared."""
    return dict(row) | {
        "baseline_pico": anew.pico + (row["baseline_pico"] if stored else 0),
        "uncompared": anew.uncompared + (row["uncompared"] if stored else 0),
    }


def _sum(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    total: dict[str, Any] = {name: sum(row[name] for row in rows) for name in _SUMMED}
    judged = [(row["predicted"], row["requests"]) for row in rows if row["predicted"] is not None]
    weight = sum(requests for _, requests in judged)
    mean = sum(p * requests for p, requests in judged) / weight if weight else None
    sources = {row["energy_source"] for row in rows if row["energy_source"]}
    source = sources.pop() if len(sources) == 1 else "mixed" if sources else None
    return total | {"backend": "total", "predicted": mean, "energy_source": source}


def _line(row: Mapping[str, Any], scores: Sequence[float]) -> Line:
    quality = quality_of(scores)
    worth = quality.mean if quality is not None else row["predicted"]
    successes = row["requests"] * worth if worth else 0.0
    busy = row["busy_ms"] / 1000
    return Line(
        backend=row["backend"],
        requests=row["requests"],
        tokens=row["input_tokens"] + row["output_tokens"],
        cost_pico=row["cost_pico"],
        baseline_pico=row["baseline_pico"],
        uncompared=row["uncompared"],
        predicted=row["predicted"],
        joules_per_request=row["energy_mj"] / 1000 / row["metered"] if row["metered"] else None,
        energy_source=row["energy_source"],
        tokens_per_second=row["output_tokens"] / busy if busy else None,
        cost_per_success_pico=round(row["cost_pico"] / successes) if successes else None,
        quality=quality,
    )
