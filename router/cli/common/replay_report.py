"""Replays as tables for people and as JSON for pipes."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from policies.money import DECIMALS, usd_rounded, usd_short
from policies.replay.baselines import Baseline
from policies.replay.diff import Diff
from policies.replay.estimates import Interval
from policies.replay.experiment import Arm
from policies.replay.replay import ReplayReport, ReplayRow
from policies.replay.tune import Point, Tuning

_MOST_ROWS: Final = 20  # of a group, by cost
_MOST_MOVES: Final = 12
_FIGURES: Final = (
    "requests", "denied", "429", "USD in all", "USD a request", "latency", "P(success)",
)  # fmt: skip


def report_json(report: ReplayReport) -> dict[str, Any]:
    """A report as plain data."""
    return asdict(report)


def diff_json(both: Diff) -> dict[str, Any]:
    """A comparison as plain data."""
    moves = [{"from": a, "to": b, "requests": count} for (a, b), count in both.moves.items()]
    return {
        "before": report_json(both.before),
        "after": report_json(both.after),
        "moved": both.moved,
        "moves": moves,
        "cost_change": asdict(both.cost_change),
        "quality_change": asdict(both.quality_change),
    }


def tuning_json(tuning: Tuning) -> dict[str, Any]:
    """A tuning as plain data."""
    return asdict(tuning) | {"yaml": tuning.chosen.yaml if tuning.chosen is not None else None}


def print_report(report: ReplayReport, by: str, console: Console) -> None:
    """The totals, one group and the baselines."""
    rows = {"everything": report.total}
    ranked = sorted(report.groups[by].items(), key=lambda item: -item[1].cost_usd)
    rows |= {f"{by} {name or '-'}": row for name, row in ranked[:_MOST_ROWS]}
    console.print(
        _rows_table(f"policy {report.policy} over {report.total.requests} requests", rows)
    )
    if len(ranked) > _MOST_ROWS:
        console.print(f"{len(ranked) - _MOST_ROWS} more {by}s: use --json")
    console.print(f"the log itself cost {usd_short(report.recorded_usd)}")
    _print_denials(report.total, console)
    _print_support(report.total, console)
    print_baselines({"": report}, console)
    _print_arms(report.arms, console)


def print_diff(both: Diff, console: Console) -> None:
    """Both policies side by side, and what moves."""
    rows = {"before": both.before.total, "after": both.after.total}
    for name in both.after.groups["tier"]:
        for when, report in (("before", both.before), ("after", both.after)):
            if name in report.groups["tier"]:
                rows[f"tier {name or '-'}, {when}"] = report.groups["tier"][name]
    console.print(_rows_table(f"{both.before.policy} -> {both.after.policy}", rows))
    share = both.moved / max(both.after.total.requests, 1)
    console.print(f"{both.moved} requests move ({share:.1%})")
    for (source, target), count in list(both.moves.items())[:_MOST_MOVES]:
        console.print(f"  {count:>8}  {source} -> {target}")
    console.print(f"P(success) of a request changes by {_change(both.quality_change, 3)}")
    console.print(f"its cost in USD by {_change(both.cost_change, DECIMALS)}")
    _print_denials(both.after.total, console)
    print_baselines({"before": both.before, "after": both.after}, console)


def print_baselines(reports: Mapping[str, ReplayReport], console: Console) -> None:
    """The policies and what they have to beat, on the records that know every backend."""
    if not any(report.baselines for report in reports.values()):
        console.print("no record knows cost and P(success) of every backend: no baselines")
        return
    table = Table(
        title="mean of a request, on the same records (429s left aside)", title_justify="left"
    )
    table.add_column("")
    table.add_column("USD", justify="right")
    table.add_column("P(success)", justify="right")
    for name, point in named_points(reports):
        table.add_row(name, usd_rounded(point.cost_usd), f"{point.quality:.3f}")
    console.print(table)


def named_points(reports: Mapping[str, ReplayReport]) -> list[tuple[str, Baseline]]:
    """Every point once: the policies and their controls, then fixed backends."""
    points: list[tuple[str, Baseline]] = []
    for which, report in reports.items():
        for baseline in report.baselines:
            own = baseline.name in ("this policy", "shuffled control", "prompt length")
            name = f"{baseline.name}, {which}" if own and which else baseline.name
            if name not in dict(points):
                points.append((name, baseline))
    return points


def print_tuning(tuning: Tuning, console: Console) -> None:
    """The front, the present point, and the lines to paste."""
    title = f"route {tuning.route}: {tuning.records} requests"
    if tuning.sampled < tuning.records:
        title += f", searched on {tuning.sampled} of them"
    table = Table(title=title, title_justify="left")
    for heading in ("", "settings", "USD a request", "USD in all", "P(success)"):
        table.add_column(heading, justify="left" if heading in ("", "settings") else "right")
    _point_row(table, "now", tuning.now)
    for point in tuning.front:
        _point_row(table, "->" if point == tuning.chosen else "", point)
    console.print(table)
    if tuning.chosen is None:
        console.print("no point reaches that: take one of the front, or change the candidates")
        return
    console.print(f"write into the route `{tuning.route}`:\n")
    lines = [f"    {line}" for line in tuning.chosen.yaml.splitlines()]
    console.print("\n".join(lines), markup=False)


def _point_row(table: Table, mark: str, point: Point) -> None:
    settings = ", ".join(point.yaml.splitlines())
    quality = "-" if point.quality is None else f"{point.quality:.3f}"
    each, total = usd_rounded(point.cost_usd), usd_short(point.total_usd)
    table.add_row(mark, settings, each, total, quality)


def _rows_table(title: str, rows: Mapping[str, ReplayRow]) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for heading in (*_FIGURES, "mix"):
        table.add_column(heading, justify="left" if heading == "mix" else "right")
    for name, row in rows.items():
        latency = "-" if row.latency_ms is None else f"{row.latency_ms:.0f} ms"
        table.add_row(
            name,
            str(row.requests),
            str(row.denied or "-"),
            str(row.refused or "-"),
            usd_short(row.cost_usd),
            usd_rounded(row.request_usd),
            latency,
            _interval(row.quality),
            _mix(row.mix),
        )
    return table


def _print_denials(total: ReplayRow, console: Console) -> None:
    for reason, count in list(total.denials.items())[:_MOST_MOVES]:
        console.print(f"  {count:>8}  denied: {reason}")
    if any(reason.startswith("unknown tier") for reason in total.denials):
        console.print(
            "  the policy has no such tier: say which it has for it with --as-tier OLD=NEW"
        )


def _print_support(total: ReplayRow, console: Console) -> None:
    console.print(f"P(success) is known for {total.coverage:.0%} of the requests served")
    if total.observed.mean is None:
        judged = "too few to say how good they were"
    else:
        judged = f"good: {_interval(total.observed)}"
    console.print(f"{total.judged} judged answers come from the backend chosen here: {judged}")


def _print_arms(arms: Mapping[str, Mapping[str, Arm]], console: Console) -> None:
    """What the log's own draws (weights) showed; nothing where there were none."""
    for route, drawn in arms.items():
        table = Table(title=f"drawn by weights on route {route}", title_justify="left")
        table.add_column("")
        for heading in ("requests", "USD a request", "latency ms", "judged", "good"):
            table.add_column(heading, justify="right")
        for backend, arm in drawn.items():
            cost, latency = _interval(arm.cost_usd, DECIMALS), _interval(arm.latency_ms, 0)
            row = (str(arm.requests), cost, latency, str(arm.judged), _interval(arm.success))
            table.add_row(backend, *row)
        console.print(table)


def _change(interval: Interval, places: int) -> str:
    if interval.mean is None or interval.low is None or interval.high is None:
        return "an unknown amount"
    low, high = f"{interval.low:+.{places}f}", f"{interval.high:+.{places}f}"
    return f"{interval.mean:+.{places}f} ({low} to {high})"


def _interval(interval: Interval, places: int = 3) -> str:
    if interval.mean is None or interval.low is None or interval.high is None:
        return "-"
    low, high = f"{interval.low:.{places}f}", f"{interval.high:.{places}f}"
    return f"{interval.mean:.{places}f} ({low} to {high})"


def _mix(mix: Mapping[str, float]) -> str:
    return ", ".join(_shares(mix.items()))


def _shares(mix: Iterable[tuple[str, float]]) -> Iterable[str]:
    return (f"{name} {share:.0%}" for name, share in sorted(mix, key=lambda item: -item[1]))
