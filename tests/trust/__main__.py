"""`make trust`: the tests of every row of the catalogue, quick and long, and what they counted."""

import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest
from rich import box
from rich.console import Console
from rich.table import Table
from trust.catalogue import ROOT, areas
from trust.page import PAGE, counted_before, figures_section, page

_ONLY_THE_PAGE: Final = "--page"


class _Plugin:
    """A plugin of pytest: what measures time runs first, before anybody wants the machine for
    something else; and what passed is counted.
    """

    count = 0

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Change the order of the tests."""
        items.sort(key=lambda item: item.get_closest_marker("timed") is None)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a test, not its set-up."""
        self.count += report.when == "call" and report.passed


def tests() -> list[str]:
    """Return every test that a row names, once, and the long ones last."""
    rows = [row for rows in areas().values() for row in rows]
    return list(
        dict.fromkeys([t for r in rows for t in r.tests] + [t for r in rows for t in r.long])
    )


def counted(path: Path) -> list[dict[str, Any]]:
    """Return what the long tests counted, added up by file and name."""
    sums: Counter[tuple[str, str]] = Counter()
    for line in path.read_text("utf-8").splitlines():
        row = json.loads(line)
        sums[row["file"], row["what"]] += row["count"]
    return [{"file": file, "what": what, "count": n} for (file, what), n in sorted(sums.items())]


def table(figures: Sequence[dict[str, Any]]) -> Table:
    """Return them for the eyes."""
    shown = Table(box=box.SIMPLE, title="Counted", title_justify="left")
    shown.add_column("what")
    shown.add_column("count", justify="right")
    shown.add_column("by", style="dim")
    for row in figures:
        shown.add_row(row["what"], f"{row['count']:,}", row["file"])
    return shown


def main(arguments: list[str]) -> int:
    """Run them all and write the page, or run those that pytest's arguments choose; end as pytest
    ends.
    """
    os.chdir(ROOT)
    if arguments == [_ONLY_THE_PAGE]:
        PAGE.write_text(page(counted_before()), "utf-8")
        return 0
    plugin = _Plugin()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "figures.jsonl"
        path.touch()
        os.environ.setdefault("TURNOUT_EXAMPLES", "trust")
        os.environ["TRUST_FIGURES"] = str(path)
        ended = pytest.main(["-q", "--timeout", "1800", *arguments, *tests()], plugins=[plugin])
        figures = counted(path)
    Console().print(table(figures))
    if ended == pytest.ExitCode.OK and not arguments:
        PAGE.write_text(page(figures_section(figures, plugin.count)), "utf-8")
    return int(ended)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
