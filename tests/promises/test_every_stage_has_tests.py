"""Every module of the corridor has unit tests of its own."""

import ast
from collections.abc import Iterator
from pathlib import Path

import router.pipeline

CORRIDOR = Path(router.pipeline.__file__).parent
ROOT = CORRIDOR.parents[1]
TESTS = ROOT / "tests" / "unit" / "pipeline"


def _imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_every_module_of_the_corridor_is_imported_by_a_unit_test_of_it() -> None:
    modules = {
        ".".join(file.relative_to(ROOT).with_suffix("").parts)
        for file in CORRIDOR.rglob("*.py")
        if file.name != "__init__.py"
    }
    tested = {name for file in TESTS.rglob("test_*.py") for name in _imported(file)}
    assert len(modules) > 10
    assert modules - tested == set()


def test_every_module_of_the_corridor_has_a_file_of_tests_that_one_can_guess() -> None:
    files = {file.stem for file in TESTS.rglob("test_*.py")}
    stages = {f"test_{file.stem}" for file in CORRIDOR.glob("*.py") if file.name != "__init__.py"}
    assert stages - files == set()
