"""`PYTHONPATH=tests python -m ledger_simulation --seed N`: one schedule again, or many."""

import argparse
import logging
import sys
import tempfile
from collections import Counter
from pathlib import Path

import redis

from ledger_simulation.run import Simulation
from router.ledger.server.embedded import Embedded


def main() -> int:
    """Run them; 1 where a promise was broken."""
    parser = argparse.ArgumentParser(prog="ledger_simulation", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--count", type=int, default=1, help="how many seeds, from that on")
    parser.add_argument("--shrink", action="store_true", help="look for a shorter schedule")
    asked = parser.parse_args()
    logging.disable(logging.CRITICAL)
    counts: Counter[str] = Counter()
    failed = 0
    with (
        tempfile.TemporaryDirectory() as folder,
        Embedded(Path(folder)) as embedded,
        redis.Redis(unix_socket_path=embedded.url.removeprefix("unix://")) as client,
    ):
        simulation = Simulation(client)
        for seed in range(asked.seed, asked.seed + asked.count):
            outcome = simulation.run(seed)
            counts += outcome.counts
            if outcome.broken:
                failed += 1
                print(simulation.shrink(outcome) if asked.shrink else outcome)  # noqa: T201
            elif asked.count == 1:
                print(outcome)  # noqa: T201
    for name, count in sorted(counts.items()):
        print(f"{count:9,}  {name}")  # noqa: T201
    print(f"{asked.count} schedules, {failed} broke a promise")  # noqa: T201
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
