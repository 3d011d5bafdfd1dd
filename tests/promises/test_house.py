"""The house stays as docs/architecture.md draws it: first guesses, floors, sizes."""

import ast
import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
GUESSES = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in PAGE.split("| to change |", 1)[1].splitlines()[2:]
    if line.startswith("|")
]
PRODUCT = [
    path
    for package in ("router", "policies", "classifiers")
    for path in sorted((ROOT / package).rglob("*.py"))
    if path.parent.name != "versions"  # written by `make revision`, and never changed again
]
MOST_LINES, MOST_IN_A_FUNCTION = 350, 45


def files_of(cell: str) -> list[str]:
    return re.findall(r"`([\w/.]+\.\w+)`", cell)


@pytest.mark.parametrize("guess", GUESSES, ids=lambda guess: guess[0])
def test_a_change_touches_the_files_that_the_table_names_and_no_more(guess):
    _, cell, most, example = guess
    files = files_of(cell)
    assert 1 <= len(files) <= int(most)
    assert [name for name in files if not (ROOT / name).is_file()] == []
    examples = re.findall(r"`([^`]+)`", example)
    assert examples
    product = [*PRODUCT, *(ROOT / "router").rglob("*.yaml")]
    holders = {
        str(path.relative_to(ROOT))
        for path in product
        if any(declared in path.read_text("utf-8") for declared in examples)
    }
    assert holders == set(files)


HOT = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in PAGE.split("| file | idiom | ADR | earns |", 1)[1]
    .split("\n\n", 1)[0]
    .splitlines()[2:]
]


@pytest.mark.parametrize("row", HOT, ids=lambda row: row[0])
def test_every_hot_file_has_a_decision_that_says_what_it_earns(row):
    cell, _, number, earns = row
    assert [name for name in files_of(cell) if not (ROOT / name).is_file()] == []
    (decision,) = (ROOT / "docs" / "adr").glob(f"{int(number):04d}-*.md")
    assert re.search(r"\d", decision.read_text("utf-8"))
    assert earns


def test_there_are_fifteen_first_guesses():
    assert len(GUESSES) == 15


def test_every_floor_of_the_page_is_a_floor_of_the_contract():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = contracts["contracts"][0]["layers"]
    checked = {name.strip() for layer in layers for name in layer.split("|")}
    table = PAGE.split("| packages | what they know |", 1)[1].split("\n\n", 1)[0]
    rows = [line.split(" | ")[0] for line in table.splitlines()[2:]]
    drawn = {
        name
        if name.startswith("router") or name in ("policies", "classifiers")
        else f"router.{name}"
        for row in rows
        for name in re.findall(r"`([\w.]+)`", row)
    }
    assert drawn == checked


def test_no_file_of_tests_is_long():
    files = {path: path.read_text("utf-8") for path in (ROOT / "tests").rglob("*.py")}
    assert [path for path, text in files.items() if len(text.splitlines()) > MOST_LINES] == []


def test_no_two_files_of_tests_have_one_name():
    """pytest imports them by it, and collects the first alone."""
    seen = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name, times in seen.items() if times > 1] == []


def test_unit_tests_start_no_process():
    files = {path: path.read_text("utf-8") for path in (ROOT / "tests" / "unit").rglob("*.py")}
    starts = ("import subprocess", "multiprocessing", "create_subprocess", "in_thread(")
    assert [path for path, text in files.items() if any(start in text for start in starts)] == []


@pytest.mark.parametrize("path", PRODUCT, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_and_no_function_is_long(path):
    text = path.read_text("utf-8")
    assert len(text.splitlines()) <= MOST_LINES
    functions = (
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    long = [node.name for node in functions if node.end_lineno - node.lineno >= MOST_IN_A_FUNCTION]
    assert long == []
