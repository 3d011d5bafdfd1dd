"""The figures as pictures; needs matplotlib, which `make train` installs."""

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from bench.rounds import PLAIN, median


class NoMatplotlib(RuntimeError):
    """There is no matplotlib here."""


def _pyplot() -> ModuleType:
    try:
        import matplotlib as mpl  # noqa: PLC0415 # an extra; the text says how to get it
    except ImportError:
        raise NoMatplotlib(
            "No pictures: matplotlib is not installed here (make train). The JSON is complete, and"
            " `python -m bench report` draws from it later."
        ) from None
    mpl.use("Agg")
    import matplotlib.pyplot as plt  # noqa: PLC0415 # after its backend is chosen

    return plt


def draw_systems(record: Mapping[str, Any], path: Path) -> None:
    """CPU per plain request of every system, on a logarithmic scale."""
    plt = _pyplot()
    rows = {
        name: median(scenarios[PLAIN.name], "cpu_us")
        for name, scenarios in record["measured"].items()
        if name != "(no gateway)" and PLAIN.name in scenarios
    }
    names = sorted(rows, key=lambda name: rows[name])
    figure, axes = plt.subplots(figsize=(8, 0.5 * len(names) + 1.2))
    colours = ["#1f6f43" if name.startswith("Turnout") else "#9aa5b1" for name in names]
    bars = axes.barh(names, [rows[name] for name in names], color=colours)
    axes.bar_label(bars, [f"{rows[name]:,.0f} µs" for name in names], padding=4, fontsize=8)
    axes.set_xscale("log")
    axes.set_xlim(right=max(rows.values()) * 4)
    axes.invert_yaxis()
    axes.set_xlabel("CPU per request, 1 KB prompt, 16 in flight (all processes; less is better)")
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def draw_growth(record: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    """One small picture a series: the median round of each size."""
    plt = _pyplot()
    columns = 3
    lines = -(-len(record) // columns)
    figure, places = plt.subplots(lines, columns, figsize=(10, 2.8 * lines), squeeze=False)
    for axes, (name, series) in zip(places.flat, record.items(), strict=False):
        sizes = [int(size) for size in series]
        spent = [one["middle"] for one in series.values()]
        axes.plot(sizes, spent, marker="o", color="#1f6f43")
        axes.set_xscale("log")
        axes.set_ylim(0, max(spent) * 1.15)
        axes.set_title(name, fontsize=10)
        axes.set_ylabel("µs an event" if name == "streams" else "µs a request", fontsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    for axes in list(places.flat)[len(record) :]:
        axes.set_visible(False)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)
