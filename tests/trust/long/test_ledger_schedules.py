"""Thousands of schedules of faults between gateways and their ledger, and what became of them."""

from collections import Counter
from pathlib import Path

import pytest
import redis
from ledger_simulation.run import Simulation
from ledger_simulation.schedule import KINDS
from trust.figures import Figures

from router.ledger.server.embedded import Embedded

SCHEDULES, EACH = 2_000, 250
FAILED = ("lost", "doubled", "over-admitted", "misbilled", "held", "drift", "negative")


@pytest.mark.parametrize("first", range(0, SCHEDULES, EACH))
def test_thousands_of_schedules_break_no_promise(
    tmp_path: Path, figures: Figures, first: int
) -> None:
    counts, broken = Counter[str](), Counter(dict.fromkeys(FAILED, 0))
    said: list[str] = []
    with (
        Embedded(tmp_path) as embedded,
        redis.Redis(unix_socket_path=embedded.url.removeprefix("unix://")) as client,
    ):
        simulation = Simulation(client)
        for seed in range(first, first + EACH):
            outcome = simulation.run(seed)
            counts += outcome.counts
            broken.update(line.partition(":")[0] for line in outcome.broken)
            if outcome.broken:
                said.append(str(simulation.shrink(outcome)))
    figures.add("schedules of the ledger tried", EACH)
    figures.add("faults in schedules", sum(counts[kind] for kind in KINDS))
    for what in ("admitted", "denied", "unavailable"):
        figures.add(f"requests {what} in schedules", counts[what])
    for what, count in broken.items():
        figures.add(f"{what} in schedules", count)
    assert not said, "\n".join(said[:3])
