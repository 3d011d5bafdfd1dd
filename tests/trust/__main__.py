"""`make trust`: the tests of every row of the catalogue, quick and long, and what they counted."""

import json
import os
import sys
import tempfile
from pathlib import Path

import pytest
from rich import box
from rich.console import Console
from rich.table import Table
from trust.catalogue import ROOT, areas


def tests() -> list[str]:
    """Return every test that a row names, once, and the long ones last."""
    rows = [row for rows in areas().values() for row in rows]
    return list(
        dict.fromkeys([t for r in rows for t in r.tests] + [t for r in rows for t in r.long])
    )


def counted(path: Path) -> Table:
    """Return what the long tests counted as a table: what, how many, and in which file."""
    table = Table(box=box.SIMPLE, title="Counted", title_justify="left")
    table.add_column("what")
    table.add_column("count", justify="right")
    table.add_column("by", style="dim")
    for line in path.read_text("utf-8").splitlines():
        row = json.loads(line)
        table.add_row(row["what"], f"{row['count']:,}", row["file"])
    return table


def main(arguments: list[str]) -> int:
    """Run them; end as pytest ends."""
    with tempfile.TemporaryDirectory() as folder:
        figures = Path(folder) / "figures.jsonl"
        figures.touch()
        os.environ["TRUST_FIGURES"] = str(figures)
        os.chdir(ROOT)
        ended = pytest.main(["-q", "--timeout", "1800", *arguments, *tests()])
        Console().print(counted(figures))
    return int(ended)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
