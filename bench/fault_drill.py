"""The fault drill at full length: every fault of a backend, mixed, many at once.

    .venv/bin/python bench/fault_drill.py --requests 10000

Exit code 0 only if no envelope was wrong, nothing hung past its timeouts, nothing was left open or
in flight, and no backend was tried more than 1.1 times what it was offered.
"""

import argparse
import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "faults"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import backends_drill  # it lives with the tests
from transports import TRANSPORTS  # so do they


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--at-once", type=int, default=64)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--transport", choices=sorted(TRANSPORTS), default="httptools")
    asked = parser.parse_args()
    new = TRANSPORTS[asked.transport]
    report = asyncio.run(backends_drill.run(new(), asked.requests, asked.at_once, asked.seed))
    print(f"{report.requests} requests in {report.seconds:.1f} s, slowest {report.slowest:.2f} s")
    for outcome, count in report.outcomes.most_common():
        print(f"  {count:6d}  {outcome}")
    left = (report.left_in_flight, report.left_waiting, report.left_open)
    print(f"left in flight, waiting, open: {left}")
    print(f"worst amplification: {report.worst_amplification:.3f}")
    for wrong in report.wrong[:20]:
        print(f"WRONG {wrong}")
    return int(bool(report.wrong) or any(left) or report.worst_amplification > 1.1)


if __name__ == "__main__":
    sys.exit(main())
