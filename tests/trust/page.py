"""docs/trust.md, written from the catalogue and from what `make trust` counted last."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from trust.catalogue import ROOT, Row, areas

from bench.report import about

PAGE: Final = ROOT / "docs" / "trust.md"
_TITLES: Final[Mapping[str, str]] = {
    "admin": "The admin API",
    "bodies": "Bodies, memory and fairness",
    "faults": "Faults and files",
    "ledger": "The ledger and its faults",
    "paying": "Not paying",
    "strangers": "Strangers, and HTTP coming in",
    "supply": "Code of models, fuzzing, dependencies",
    "upstream": "Backends, slow readers, lifecycle",
}
_HEAD: Final = """# Trust: what is promised, and what shows it

This page is written by `make trust`; it is not edited by hand. What the promises are, to whom, and
what is not promised, stands in [threat-model.md](threat-model.md).

```
make test                        # the quick rows, with everything else
make trust                       # every row, the long ones too; counts, and writes this page
make trust ARGS='-k smuggling'   # some of it: shows what was counted, and writes nothing
make trust ARGS=--page           # the catalogue below anew, and runs nothing
```

"""
_FIGURES: Final = "## Counted\n\n"
_CATALOGUE: Final = "## Catalogue\n\n"


def figures_section(figures: Iterable[Mapping[str, Any]], passed: int) -> str:
    """What was counted, where and when."""
    here = about()
    machine = f"{here['cores']} cores of {here['processor']}, Python {here['python']}"
    lines = [
        f"{datetime.now(UTC):%d %B %Y}, {machine}: {passed:,} tests passed.\n",
        "| counted | | by |",
        "|---|---:|---|",
        *(f"| {row['what']} | {row['count']:,} | `{row['file']}` |" for row in figures),
    ]
    return _FIGURES + "\n".join(lines) + "\n\n"


def catalogue_section() -> str:
    """Every row by area."""
    parts = [_CATALOGUE.rstrip("\n") + "\n"]
    for area, rows in areas().items():
        parts.append(f"### {_TITLES.get(area, area.replace('_', ' ').capitalize())}\n")
        parts.append("| tried | what must come out | shown by |\n|---|---|---|")
        parts += [_row(row) for row in rows]
        parts[-1] += "\n"
    return "\n".join(parts)


def _row(row: Row) -> str:
    shown = [_test(test) for test in row.tests] + [f"{_test(test)} (long)" for test in row.long]
    if row.open is not None:
        shown.append(f"**open:** {row.open}")
    return "| " + " | ".join(map(_cell, (row.row, row.required, "<br>".join(shown)))) + " |"


def _test(test: str) -> str:
    """A test by its file and its promise."""
    name, _, inside = test.partition("::")
    promise = inside.removeprefix("test_").replace("_", " ")
    return f"[{promise or Path(name).stem.removeprefix('test_').replace('_', ' ')}](../{name})"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def counted_before() -> str:
    """The section of figures that the page has."""
    text = PAGE.read_text("utf-8") if PAGE.is_file() else ""
    _, begun, rest = text.partition(_FIGURES)
    return begun + rest.partition(_CATALOGUE)[0] if begun else ""


def page(figures: str) -> str:
    """The page with these figures."""
    return _HEAD + figures + catalogue_section()
