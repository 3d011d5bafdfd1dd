"""The lines an evaluation prints: a value with its interval, its target, and what is beside it."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

ROUNDS: Final = 200
PIPED: Final = 200  # columns, where nobody looks: a line stays a line


@dataclass(frozen=True, slots=True)
class Measurement:
    """One measured value with its 95 % interval; `target` is "" where there is none."""

    section: str
    name: str
    what: str
    value: float
    low: float
    high: float
    target: str = ""

    @property
    def reached(self) -> str:
        """yes, no, or "" without a target."""
        if not self.target:
            return ""
        sign, bound = self.target[:2], float(self.target[2:])
        met = round(self.value, 4) >= bound if sign == ">=" else round(self.value, 4) <= bound
        return "yes" if met else "no"


def measured(
    section: str,
    name: str,
    what: str,
    statistic: Callable[[NDArray[np.intp]], float],
    size: int,
    *,
    target: str = "",
    seed: int = 7,
) -> Measurement:
    """Evaluate a statistic of row positions on all rows, and its interval by resampling rows."""
    random = np.random.default_rng(seed)
    drawn = [statistic(random.integers(0, size, size)) for _ in range(ROUNDS)]
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    value = statistic(np.arange(size))
    return Measurement(section, name, what, float(value), float(low), float(high), target)


def show(lines: Sequence[Measurement]) -> None:
    """Print one table per section."""
    console = Console()
    if not console.is_terminal:
        console.width = PIPED
    for section in dict.fromkeys(line.section for line in lines):
        table = Table("measure", "of", "value", "95 % interval", "target", "", title=section)
        for line in lines:
            if line.section == section:
                interval = f"{line.low:.3f} to {line.high:.3f}"
                values = (f"{line.value:.3f}", interval, line.target, line.reached)
                table.add_row(line.name, line.what, *values)
        console.print(table)


def write_json(lines: Sequence[Measurement], path: Path, about: dict[str, Any]) -> None:
    """Write all lines as one document, values rounded to four digits."""
    rows = []
    for line in lines:
        row = {key: _rounded(value) for key, value in asdict(line).items()}
        rows.append({**row, "reached": line.reached})
    path.write_text(json.dumps({**about, "lines": rows}, indent=1) + "\n", encoding="utf-8")


def _rounded(value: Any) -> Any:
    return round(value, 4) if isinstance(value, float) else value
