"""docs/benchmarks.md, written from the recorded JSON and from nothing else."""

import json
import os
import platform
import statistics
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from bench import report_growth
from bench.plots import NoMatplotlib, draw_growth, draw_systems
from bench.rounds import LARGE, ONE, PACED, PACED_1000, PLAIN, SSE, median, spread

ROOT: Final = Path(__file__).parents[1]
RECORD: Final = ROOT / "bench" / "results"
PAGE: Final = ROOT / "docs" / "benchmarks.md"
_SHOWN: Final = 40  # values of a series in the text
CEILING: Final = "(no gateway)"
EVERYTHING: Final = "Turnout"
EXPLICIT: Final = "Turnout, explicit model"
# Ours, against whom, the factor: theirs over ours must be at least (or ours over theirs at most).
TARGETS: Final = (
    (EVERYTHING, "LiteLLM", 50, "a 50th of LiteLLM's"),
    (EVERYTHING, "Portkey", 8, "an 8th of Portkey's"),
    (EVERYTHING, "Envoy", 1 / 4, "4 times Envoy's plain proxy"),
    (EXPLICIT, "LiteLLM", 90, "explicit model: a 90th of LiteLLM's"),
    (EXPLICIT, "Portkey", 14, "explicit model: a 14th of Portkey's"),
    (EXPLICIT, "Envoy", 1 / 2, "explicit model: 2 times Envoy's"),
)

Rounds = Sequence[Mapping[str, Any]]


def load_average() -> float:
    """The machine's load over the last minute."""
    return os.getloadavg()[0]


def about() -> dict[str, Any]:
    """The machine and the moment of a record."""
    model = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return {
        "at": datetime.now(UTC).isoformat(timespec="minutes"),
        "python": platform.python_version(),
        "kernel": platform.release(),
        "cores": os.cpu_count(),
        "processor": model[0] if model else platform.machine(),
        "load_average": load_average(),
    }


def keep(name: str, record: Mapping[str, Any]) -> Path:
    """Write a record."""
    RECORD.mkdir(exist_ok=True)
    path = RECORD / f"{name}.json"
    path.write_text(json.dumps({"about": about(), **record}, indent=1) + "\n")
    return path


def read(name: str) -> dict[str, Any] | None:
    """Read a record; None where there is none."""
    path = RECORD / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def _figure(rounds: Rounds | None, key: str, show: str, scale: float = 1.0) -> str:
    if not rounds or not any(one["requests"] for one in rounds):
        return "-"
    return f"{median(list(rounds), key) * scale:{show}}"


def table(record: Mapping[str, Any]) -> str:
    """The main table, in Markdown; also what a run prints."""
    measured = record["measured"]
    base = measured[CEILING].get(ONE.name)
    direct = median(base, "last_p50") if base else 0.0
    lines = [
        "| system | req/s | CPU µs/request | ± | of it, ledger | 20 KB | added p50 ms | p99 ms |"
        " events/s | CPU µs/event |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, scenarios in measured.items():
        plain, sse, one = (scenarios.get(s.name) for s in (PLAIN, SSE, ONE))
        good = [r for r in sse or [] if r["events"]]
        event = (
            f"{median(good, 'cpu_us') * good[0]['requests'] / good[0]['events']:.1f}"
            if good
            else "-"
        )
        alone = name == CEILING
        added = (
            "-"
            if alone or not one or not one[0]["requests"]
            else (f"{max(0.0, median(one, 'last_p50') - direct) / 1000:.2f}")
        )
        cells = (
            name,
            _figure(plain, "per_second", ",.0f"),
            "-" if alone else _figure(plain, "cpu_us", ",.0f"),
            "-" if alone or not plain else f"{spread(plain, 'cpu_us'):.0%}",
            _figure(plain, "ledger_cpu_us", ",.0f") if name.startswith("Turnout") else "-",
            "-" if alone else _figure(scenarios.get(LARGE.name), "cpu_us", ",.0f"),
            added,
            _figure(one, "last_p99", ".2f", 0.001),
            _figure(good, "events_per_second", ",.0f") if good else "-",
            "-" if alone else event,
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def ratios(record: Mapping[str, Any]) -> str:
    """The targets and what was reached, from medians of the same run."""
    measured = record["measured"]
    lines = ["| CPU per request at most | measured | |", "|---|---|---|"]
    for ours, theirs, factor, words in TARGETS:
        if ours not in measured or theirs not in measured:
            lines.append(f"| {words} | not measured | |")
            continue
        own = median(measured[ours][PLAIN.name], "cpu_us")
        other = median(measured[theirs][PLAIN.name], "cpu_us")
        ratio = other / own
        shown = f"1/{ratio:.1f}" if ratio >= 1 else f"{1 / ratio:.1f} times"
        lines.append(f"| {words} | {shown} | {_verdict(ratio >= factor)} |")
    return "\n".join([*lines, *_absolute(measured)])


def _verdict(reached: bool) -> str:
    return "reached" if reached else "not reached"


def _absolute(measured: Mapping[str, Any]) -> list[str]:
    """Targets that are no comparison."""
    own, direct = measured.get(EVERYTHING, {}), measured[CEILING]
    lines = []
    if ONE.name in own and ONE.name in direct:
        middle = (median(own[ONE.name], "last_p50") - median(direct[ONE.name], "last_p50")) / 1000
        slow = (median(own[ONE.name], "last_p99") - median(direct[ONE.name], "last_p99")) / 1000
        lines.append(
            f"| added latency p50 under 0.7 ms | {middle:.2f} ms | {_verdict(middle < 0.7)} |"
        )
        lines.append(f"| added latency p99 under 3 ms | {slow:.2f} ms | {_verdict(slow < 3)} |")
    if SSE.name in own:
        events = median(own[SSE.name], "events_per_second")
        lines.append(f"| 100,000 events a second | {events:,.0f} | {_verdict(events >= 100_000)} |")
    if PACED.name in own and PACED.name in direct:
        pace = median(own[PACED.name], "last_p50") / median(direct[PACED.name], "last_p50")
        words = "500 streams at 20 ms a token within 10 % of their pace"
        lines.append(f"| {words} | {pace - 1:.0%} late | {_verdict(pace <= 1.1)} |")
    return lines


def _paced(record: Mapping[str, Any]) -> str:
    lines = [
        "| streams at 20 ms a token | system | errors | p50 s | p99 s | of the pace | cores |",
        "|---|---|---|---|---|---|---|",
    ]
    for scenario in (PACED, PACED_1000):
        ideal = median(
            record["measured"][CEILING].get(scenario.name, [{"last_p50": 1}]), "last_p50"
        )
        for name, scenarios in record["measured"].items():
            rounds = scenarios.get(scenario.name)
            if rounds:
                cores = _figure(rounds, "cores", ".2f")
                lines.append(
                    f"| {scenario.connections:,} | {name} | {_figure(rounds, 'errors', '.0f')} |"
                    f" {_figure(rounds, 'last_p50', '.2f', 1e-6)} |"
                    f" {_figure(rounds, 'last_p99', '.2f', 1e-6)} |"
                    f" {median(rounds, 'last_p50') / ideal:.2f} | {cores} |"
                )
    return "\n".join(lines)


def _better(record: Mapping[str, Any]) -> str:
    """Where a peer is better, from the figures."""
    measured = record["measured"]
    if EVERYTHING not in measured:
        return ""
    tests: tuple[tuple[str, str, Callable[[float, float], bool]], ...] = (
        (PLAIN.name, "cpu_us", lambda peer, own: peer < own),
        (SSE.name, "events_per_second", lambda peer, own: peer > own),
        (ONE.name, "last_p50", lambda peer, own: peer < own),
    )
    words = {
        "cpu_us": "CPU a request",
        "events_per_second": "events a second",
        "last_p50": "latency",
    }
    lines = []
    for scenario, key, wins in tests:
        own = median(measured[EVERYTHING][scenario], key)
        better = []
        for name, scenarios in measured.items():
            if name.startswith(("Turnout", "(")) or scenario not in scenarios:
                continue
            rounds = [r for r in scenarios[scenario] if r["requests"]]
            if rounds and wins(median(rounds, key), own):
                factor = max(own, median(rounds, key)) / min(own, median(rounds, key))
                better.append(f"{name} ({factor:.1f} times)")
        if better:
            lines.append(f"- {words[key]} ({scenario}): {', '.join(better)}")
    return "\n".join(lines)


def _steps(record: Mapping[str, Any]) -> str:
    times, counts = record["steps"], record["instructions"]
    names = list(dict.fromkeys(name for packages in counts.values() for name in packages))
    lines = [
        "| CPU µs (instructions) | " + " | ".join(counts) + " |",
        "|---" * (len(counts) + 1) + "|",
    ]
    for name in names:
        cells = (_step(times[kind], counts[kind], name) for kind in counts)
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _step(times: Mapping[str, float], counts: Mapping[str, float], name: str) -> str:
    if name not in counts:
        return "-"
    spent = f"{times[name]:,.0f} " if name in times else ""
    return f"{spent}({counts[name]:,.0f})"


def _made(record: Mapping[str, Any]) -> str:
    about = record["about"]
    return (
        f"Recorded {about['at']} on {about['cores']} cores ({about['processor']}), Python"
        f" {about['python']}; load average of the machine at the end: {about['load_average']:.1f}."
    )


def write() -> list[str]:
    """Write the page and the pictures; returns what could not be drawn."""
    notes: list[str] = []
    parts = [(Path(__file__).parent / "page.md").read_text().rstrip()]
    run, growth, foot, steps = (read(name) for name in ("run", "growth", "footprint", "steps"))
    if run is not None:
        parts += ["## Side by side", _made(run), _pictured(notes, draw_systems, run, "systems")]
        versions = ", ".join(f"{n} {v}" for n, v in run["versions"].items() if "," not in n)
        parts += [table(run), f"Versions: {versions}. Rounds: {run['rounds']}, medians."]
        parts += [f"Left out: {name}: {why}" for name, why in run["missing"].items()]
        parts += ["## Targets", ratios(run), "## Where a peer is better", _better(run)]
        parts += ["## Many slow streams", _paced(run)]
    if steps is not None:
        parts += ["## Where the time goes", _made(steps), STEPS_SAID, _steps(steps)]
        parts.append((Path(__file__).parent / "dominates.md").read_text().rstrip())
    if growth is not None:
        series = growth["series"]
        parts += ["## Growth", _made(growth), report_growth.SAID, report_growth.verdicts(series)]
        parts += [_pictured(notes, draw_growth, series, "growth"), report_growth.table(series)]
    soak = read("soak")
    if foot is not None:
        parts += ["## Start-up, rest, memory, workers", _made(foot), _foot(foot), WORKERS_SAID]
    if soak is not None:
        parts += ["## Memory under load", _made(soak), _soak(soak)]
    PAGE.write_text("\n\n".join(part for part in parts if part) + "\n")
    return notes


WORKERS_SAID: Final = (
    "One worker shares one core with the ledger; two workers and the ledger share two. The load"
    " generator and the upstream take a little of the second core in both cases."
)
STEPS_SAID: Final = (
    "Whole requests in the gateway's process, from the bytes of the client to the bill, sixteen in"
    " flight: CPU, the best of several rounds; the client's socket and the ledger's process come on"
    " top in the table above. In brackets: interpreter instructions by the package that executes"
    " them, which no other work on the machine can change; the guard allows each 10 %."
)


def _pictured(notes: list[str], draw: Callable[..., None], record: Any, name: str) -> str:
    path = PAGE.parent / "images" / f"bench-{name}.png"
    path.parent.mkdir(exist_ok=True)
    try:
        draw(record, path)
    except NoMatplotlib as error:
        notes.append(str(error))
    return f"![{name}](images/{path.name})" if path.exists() else ""


_FOOT: Final = (  # key in the record, words, how it is written, target
    ("ready_seconds", "start to ready", "{:.2f} s", "2 s"),
    ("idle_cpu", "CPU at rest, gateway and ledger", "{:.2%} of a core", "1 %"),
    ("idle_gateway_cpu", "of it, the gateway", "{:.2%}", ""),
    ("idle_ledger_cpu", "of it, the ledger", "{:.2%}", ""),
    ("gateway_wakes", "wake-ups of the gateway at rest", "{:.1f} a second", ""),
    ("ledger_wakes", "wake-ups of the ledger at rest", "{:.1f} a second", ""),
    ("memory_mb", "memory with the classifier", "{:.0f} MB", "150 MB"),
    ("memory_after_load_mb", "memory after load", "{:.0f} MB", ""),
    ("ledger_memory_mb", "memory of the embedded ledger", "{:.0f} MB", ""),
    ("gain", "two workers over one", "{:.2f} times", "1.8 (a core each)"),
)


def _foot(record: Mapping[str, Any]) -> str:
    rows = (
        f"| {words} | {form.format(record[key])} | {target} |".replace("|  |", "| |")
        for key, words, form, target in _FOOT
    )
    return "\n".join(("| | measured | target |", "|---|---|---|", *rows))


def quarters(memory: Sequence[float]) -> tuple[float, float]:
    """The medians of the second quarter of a series, after it warmed up, and of the last one."""
    part = max(1, len(memory) // 4)
    return statistics.median(memory[part : 2 * part] or memory), statistics.median(memory[-part:])


def _soak(record: Mapping[str, Any]) -> str:
    memory = record["memory_mb"]
    every = -(-len(memory) // _SHOWN)
    row = ", ".join(f"{value:.0f}" for value in memory[::every])
    early, late = quarters(memory)
    lines = [
        f"{record['requests']:,} requests in {record['minutes']:g} minutes, plain and streamed in"
        f" turn, under load for {record['share']:.0%} of the time, {record['errors']} errors."
        f" MB every {10 * every} seconds: {row}.",
        f"Median of the last quarter {late:.0f} MB, of the second one {early:.0f} MB:"
        f" {late / early - 1:+.1%}; flat means at most 5 % more: {_verdict(late <= early * 1.05)}.",
    ]
    if record.get("ledger_mb"):
        early, late = quarters(record["ledger_mb"])
        lines.append(f"The ledger's own, in the same quarters: {early:.0f} and {late:.0f} MB.")
    return " ".join(lines)
