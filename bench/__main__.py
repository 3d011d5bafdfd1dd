"""`python -m bench PART`; `python -m bench compare CHECKOUT` counts against another checkout."""

import argparse
import sys
from pathlib import Path

from bench import compare, footprint, growth, guard, report, rounds, starting, steps
from bench.systems import NGINX, PEERS, TURNOUT


def quick() -> int:
    """Turnout beside nginx in a few short rounds, and where instructions go."""
    record = rounds.run([*TURNOUT, NGINX], rounds.QUICK, 2)
    print(report.table(record))
    nginx = rounds.median(record["measured"]["nginx"][rounds.PLAIN.name], "cpu_us")
    for system in TURNOUT:
        own = rounds.median(record["measured"][system.name][rounds.PLAIN.name], "cpu_us")
        print(f"{system.name}: {own:,.0f} us of CPU a request, {own / nginx:.1f} times nginx")
    kinds = {name: steps.KINDS[name] for name in ("everything on", "explicit model")}
    print("CPU of a request, and its interpreter instructions by package, in process:")
    print(steps.table(*steps.measure(kinds, rounds=4)))
    return 0


def run(count: int) -> int:
    record = rounds.run([*TURNOUT, *PEERS], rounds.ALL, count)
    report.keep("run", record)
    print(report.table(record))
    print(report.ratios(record))
    return 0


def measure_steps() -> int:
    times, counts = steps.measure()
    report.keep("steps", {"steps": times, "instructions": counts})
    print(steps.table(times, counts))
    return 0


def measure_growth(names: list[str]) -> int:
    for name in names or growth.SERIES:
        measured = growth.as_record(growth.grow(name))
        record = (report.read("growth") or {"series": {}})["series"] | {name: measured}
        report.keep(
            "growth", {"series": {name: record[name] for name in growth.SERIES if name in record}}
        )
    return 0


def measure_footprint() -> int:
    record = footprint.footprint()
    report.keep("footprint", record)
    for name, value in record.items():
        print(f"{name:<22} {value:.4f}")
    return 0


def commands() -> int:
    print(starting.table())
    return 0


def measure_soak(minutes: float, share: float) -> int:
    report.keep("soak", footprint.soak(minutes, share))
    return 0


def check(renew: bool) -> int:
    if renew:
        for unit, figures in guard.renew().items():
            print(unit)
            for name, figure in figures.items():
                print(f"  {name:<22} {figure:10,.2f}")
        return 0
    wrong = guard.check_instructions() + guard.check_time()
    print("\n".join(wrong) or "every request is within its budget")
    return 1 if wrong else 0


def write() -> int:
    for note in report.write():
        print(note, file=sys.stderr)
    print(f"wrote {report.PAGE}")
    return 0


def main() -> int:
    """Run one part, or all."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parts = [
        "quick",
        "run",
        "steps",
        "growth",
        "footprint",
        "soak",
        "commands",
        "guard",
        "compare",
        "report",
        "all",
    ]
    parser.add_argument("part", choices=[*parts, "report", "all"])
    parser.add_argument("series", nargs="*", help="growth: only these; compare: a checkout")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=60.0, help="soak: how long")
    parser.add_argument("--share", type=float, default=1.0, help="soak: of the time under load")
    parser.add_argument("--renew", action="store_true", help="guard: write the budget anew")
    asked = parser.parse_args()
    if asked.part == "all":
        everything = (lambda: run(asked.rounds), measure_steps, lambda: measure_growth([]))
        return max(part() for part in (*everything, measure_footprint, write))
    table = {
        "quick": quick,
        "run": lambda: run(asked.rounds),
        "steps": measure_steps,
        "growth": lambda: measure_growth(asked.series),
        "footprint": measure_footprint,
        "soak": lambda: measure_soak(asked.minutes, asked.share),
        "commands": commands,
        "guard": lambda: check(asked.renew),
        "compare": lambda: compare.compare(Path(asked.series[0]), Path(__file__).parents[1]),
        "report": write,
    }
    return table[asked.part]()


if __name__ == "__main__":
    sys.exit(main())
