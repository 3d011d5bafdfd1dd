"""The catalogue of trust: what is promised under attack and under faults, and what shows it.

`rows/*.yaml` hold it, a file an area: `row` (what is tried), `required` (what must come out),
`tests` (run by `make test`), `long` (run by `make trust`), `open` (what is not shown, and why).
"""

import ast
from functools import cache
from pathlib import Path
from typing import Final

import yaml
from pydantic import BaseModel, ConfigDict, Field

ROOT: Final = Path(__file__).parents[2]
ROWS: Final = Path(__file__).parent / "rows"


class Row(BaseModel):
    """One promise and what shows it; tests are written as pytest's names, without parameters."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    row: str = Field(min_length=1)
    required: str = Field(min_length=1)
    tests: tuple[str, ...] = ()
    long: tuple[str, ...] = ()
    open: str | None = None


def areas() -> dict[str, list[Row]]:
    """Return the catalogue's rows by area."""
    return {
        path.stem: [Row.model_validate(row) for row in yaml.safe_load(path.read_text("utf-8"))]
        for path in sorted(ROWS.glob("*.yaml"))
    }


@cache
def _tests_in(path: Path) -> frozenset[str]:
    """Return the names of a file's tests: `test_x`, or `TestX::test_y`."""
    named: set[str] = set()
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            named.add(node.name)
        elif isinstance(node, ast.ClassDef):
            named.update(f"{node.name}::{part.name}" for part in node.body if hasattr(part, "name"))
            named.update(  # a state machine of hypothesis, or a class of another module
                f"{node.name}::{target.id}"
                for part in node.body
                if isinstance(part, ast.Assign)
                for target in part.targets
                if isinstance(target, ast.Name)
            )
        elif isinstance(node, ast.Assign):
            named.update(target.id for target in node.targets if isinstance(target, ast.Name))
    return frozenset(named)


def exists(test: str) -> bool:
    """Tell whether a test of this name stands in the file that it names, or is a whole file."""
    name, _, inside = test.partition("::")
    path = ROOT / name
    return path.is_file() and (not inside or inside in _tests_in(path))
