"""What is installed is what was chosen: by name, by hash and by licence."""

import re
import tomllib
from pathlib import Path

import pytest
from trust.licences import ALLOWED, IN_AN_EXTRA, installed, licences

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
TABLE = (ROOT / "docs" / "adr" / "0150-each-dependency-earns-its-place.md").read_text("utf-8")


def name_of(requirement: str) -> str:
    return re.split(r"[\[<>=;! ]", requirement, maxsplit=1)[0]


def locked(lock: Path) -> set[str]:
    return set(re.findall(r"^([a-z0-9][a-z0-9-]*)==", lock.read_text("utf-8"), re.MULTILINE))


def test_each_direct_dependency_earns_its_place_in_the_table() -> None:
    rows = re.findall(r"^\| ([a-z][\w-]+) \| (.+?) \| (.+?) \|$", TABLE, re.MULTILINE)
    named = [name for name, *_ in rows if name != "package"]
    assert sorted(named) == sorted({name_of(one) for one in PROJECT["dependencies"]})


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_every_locked_package_has_its_hashes_and_no_address(lock: Path) -> None:
    text = lock.read_text("utf-8")
    entries = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert entries
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []
    assert "://" not in re.sub(r"^\s*#.*$", "", text, flags=re.MULTILINE)


def test_the_lock_of_what_runs_holds_every_direct_dependency() -> None:
    assert {name_of(one) for one in PROJECT["dependencies"]} <= locked(
        ROOT / "requirements/run.txt"
    )


def test_every_licence_is_one_that_we_chose() -> None:
    packages = installed(locked(ROOT / "requirements" / "dev.txt"))
    assert len(packages) > 80
    strange = {
        package.name: licences(package) - ALLOWED - IN_AN_EXTRA.get(package.name, set())
        for package in packages
    }
    assert {name: those for name, those in strange.items() if those} == {}
    assert not IN_AN_EXTRA.keys() & locked(ROOT / "requirements" / "run.txt")
