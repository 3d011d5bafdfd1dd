"""The glossary explains every noun a newcomer meets, and says where it lives."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "glossary.md").read_text("utf-8")
ROWS = [
    tuple(cell.strip() for cell in line.strip("|").split("|"))
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith("| word ")
]
# The faces that a newcomer meets first: the shared nouns, what may be asked, what policies decide.
FACES = [
    ROOT / "router" / "domain.py",
    ROOT / "router" / "ask.py",
    *sorted((ROOT / "router" / "operations").glob("*.py")),
    *sorted((ROOT / "policies").glob("*.py")),
]


def public_classes() -> Iterator[str]:
    for path in FACES:
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                yield node.name


def explained() -> set[str]:
    names = (re.sub(r"\(.*?\)", "", row[0]) for row in ROWS)
    return {name.strip() for cell in names for name in cell.split(",")}


def test_every_public_class_of_the_faces_is_explained():
    assert set(public_classes()) <= explained()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_every_word_lives_where_the_glossary_says(row):
    assert (ROOT / row[2]).exists()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_word_that_is_a_class_is_defined_there(row):
    names = [name.strip() for name in re.sub(r"\(.*?\)", "", row[0]).split(",")]
    where = ROOT / row[2]
    files = sorted(where.rglob("*.py")) if where.is_dir() else [where]
    text = "\n".join(path.read_text("utf-8") for path in files)
    classes = [name for name in names if re.fullmatch(r"[A-Z]\w+", name)]
    assert [
        name for name in classes if not re.search(rf"^class {name}\b", text, re.MULTILINE)
    ] == []
