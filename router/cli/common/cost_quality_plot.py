"""Cost against quality as a picture. Needs matplotlib, which only the extra `train` brings."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import matplotlib as mpl

from policies.replay.baselines import Baseline

mpl.use("Agg")

from matplotlib import pyplot as plt

_MARKS: Final = {"shuffled control": "X", "prompt length": "s"}


def draw(points: Sequence[tuple[str, Baseline]], path: Path) -> None:
    """Write a PNG: mean cost of a request (log scale) across, mean P(success) up."""
    figure, axes = plt.subplots(figsize=(9, 5), dpi=150)
    for name, point in points:
        own = name.startswith("this policy")
        axes.scatter(
            [point.cost_usd],
            [point.quality],
            s=140 if own else 50,
            marker="*" if own else _MARKS.get(name.split(",")[0], "o"),
            label=name,
            zorder=3,
        )
    if all(point.cost_usd > 0 for _, point in points):
        axes.set_xscale("log")
    axes.set_xlabel("USD a request (mean)")
    axes.set_ylabel("P(success) (mean, predicted)")
    axes.grid(visible=True, alpha=0.3)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8, frameon=False)
    figure.tight_layout()
    figure.savefig(path, format="png")
    plt.close(figure)
