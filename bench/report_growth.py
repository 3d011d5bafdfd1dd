"""The page's part on growth: a verdict on each series that should be flat, and every figure."""

from collections.abc import Mapping
from typing import Any, Final

from bench.growth import FLAT

SAID: Final = (
    "CPU of the whole corridor for one request, gateway and ledger, while one thing grows (streams:"
    " of everything, per event, at up to ten thousand events a second; one stream alone carries the"
    " cost of being there). A machine's speed drifts by more than what is asked for, so all sizes"
    " of a series live at the same time, a gateway in a process each, and serve in turn, in many"
    " short rounds. `Times` is the ratio to the smallest size: the median of the rounds, and all"
    " rounds together, which also holds what happens once a second in the background, with the"
    " intervals that resampled rounds give (95 %). Instructions are the interpreter's, and exact."
    " Where CPU grows and they do not, more memory is in use, and the processor's caches are missed"
    " more often."
)
_MOST: Final = 1.10
Series = Mapping[str, Mapping[str, Any]]


def verdicts(series: Series) -> str:
    """Whether what should be flat is: the dearest size of each series decides."""
    lines = [
        "| within 10 % | at | times, all rounds together | median round | instructions | |",
        "|---|---|---|---|---|---|",
    ]
    for name in FLAT:
        if name not in series:
            continue
        sizes = series[name]
        size = max(sizes, key=lambda size: sizes[size]["together"]["middle"])
        one, first = sizes[size], next(iter(sizes.values()))
        counted = one["instructions"] / first["instructions"]
        cells = (name, f"{int(size):,}", _times(one["together"]), _times(one["rounds"]))
        verdict = _verdict(one["together"])
        lines.append("| " + " | ".join((*cells, f"{counted:.2f}", verdict)) + " |")
    return "\n".join(lines)


def _verdict(ratio: Mapping[str, float]) -> str:
    if ratio["high"] <= _MOST:
        return "reached"
    return "reached, within the noise" if ratio["middle"] <= _MOST else "not reached"


def _times(ratio: Mapping[str, float]) -> str:
    return f"{ratio['middle']:.2f} ({ratio['low']:.2f} to {ratio['high']:.2f})"


def table(series: Series) -> str:
    """Every size of every series."""
    lines = [
        "| series | size | CPU µs | best round | of it, ledger | times | all together |"
        " instructions |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, sizes in series.items():
        for size, one in sizes.items():
            cells = (
                name,
                f"{int(size):,}",
                *(f"{one[key]:,.0f}" for key in ("middle", "best", "ledger")),
                *(_times(one[key]) for key in ("rounds", "together")),
                f"{one['instructions']:,}" if one["instructions"] else "-",
            )
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
