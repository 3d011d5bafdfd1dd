"""Modules that are imported by name (`import_module`) keep to the floors of pyproject.toml, too.

import-linter reads import statements. A table of module names would go around it: so every string
that names a module of ours, in a file that calls `import_module`, is held to the same contracts.
"""

import ast
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
CONTRACTS = PYPROJECT["tool"]["importlinter"]["contracts"]
OURS = PYPROJECT["tool"]["importlinter"]["root_packages"]
IMPORTING = {"import_module", "__import__", "Later", "imported"}
NAMED = re.compile(rf"(?P<module>(?:{'|'.join(OURS)})(?:\.\w+)+)(?::\w+)?")


def calls_import_module(tree: ast.AST) -> bool:
    return any(
        isinstance(node, ast.Call)
        and (getattr(node.func, "id", None) or getattr(node.func, "attr", None)) in IMPORTING
        for node in ast.walk(tree)
    )


def named_in(tree: ast.AST) -> Iterator[str]:
    """Every module of ours that a string names, whole."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            named = NAMED.fullmatch(node.value)
            if named:
                yield named["module"]


def imports_by_name() -> list[tuple[str, str]]:
    """(importer, imported) over the whole product."""
    pairs = []
    for package in OURS:
        for path in sorted((ROOT / package).rglob("*.py")):
            text = path.read_text("utf-8")
            if not any(function in text for function in IMPORTING):
                continue
            tree = ast.parse(text)
            if calls_import_module(tree):
                importer = ".".join(path.relative_to(ROOT).with_suffix("").parts)
                pairs += [(importer, imported) for imported in named_in(tree)]
    return pairs


def is_in(module: str, room: str) -> bool:
    return module == room or module.startswith(f"{room}.")


def breach(importer: str, imported: str, contracts: Sequence[Mapping[str, Any]]) -> str | None:
    """The contract that this import breaks."""
    for contract in contracts:
        if contract["type"] == "layers" and not _goes_down(importer, imported, contract["layers"]):
            return str(contract["name"])
        if contract["type"] == "forbidden":
            source = any(is_in(importer, room) for room in contract["source_modules"])
            if source and any(is_in(imported, room) for room in contract["forbidden_modules"]):
                return str(contract["name"])
        if contract["type"] == "independence":
            rooms = [
                {room for room in contract["modules"] if is_in(one, room)}
                for one in (importer, imported)
            ]
            if all(rooms) and rooms[0] != rooms[1]:
                return str(contract["name"])
    return None


def _goes_down(importer: str, imported: str, layers: Sequence[str]) -> bool:
    floors = [(n, room) for n, layer in enumerate(layers) for room in layer.split(" | ")]
    above = [(n, room) for n, room in floors if is_in(importer, room)]
    below = [(n, room) for n, room in floors if is_in(imported, room)]
    if not above or not below:
        return True  # this contract says nothing of them
    return above == below or above[0][0] < below[0][0]


IMPORTS = imports_by_name()


def test_the_tables_of_module_names_are_seen() -> None:
    importers = {importer for importer, _ in IMPORTS}
    assert {"router.cli.main", "classifiers.__main__"} <= importers


@pytest.mark.parametrize(("importer", "imported"), IMPORTS)
def test_what_is_imported_by_name_exists_and_keeps_to_the_floors(
    importer: str, imported: str
) -> None:
    assert find_spec(imported) is not None
    assert breach(importer, imported, CONTRACTS) is None


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("router.domain", "router.cli.main"),  # upwards
        ("router.ledger.ledger", "router.usage.store"),  # a sibling on the same floor
        ("policies.decision", "router.domain"),  # a library knows no router
        ("policies.decision", "classifiers.prompt"),  # nor the other library
        ("classifiers.serving", "classifiers.training.train"),
        ("classifiers.text.reading", "classifiers.serving"),
    ],
)
def test_an_import_that_goes_up_or_across_would_be_found(importer: str, imported: str) -> None:
    assert breach(importer, imported, CONTRACTS) is not None
