"""What is installed is what was chosen: by name, by hash and by licence."""

import re
import tomllib
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
TABLE = (ROOT / "docs" / "adr" / "0150-each-dependency-earns-its-place.md").read_text("utf-8")
# What may stand beside Apache-2.0. MPL-2.0 binds the files it stands over, which we leave alone.
ALLOWED = {
    "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "MIT", "MIT-0", "Zlib", "CC0-1.0",
    "PSF-2.0", "MPL-2.0", "LLVM-exception",
}  # fmt: skip
# How packages without an SPDX expression say it.
SAID = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "3-Clause BSD License": "BSD-3-Clause",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
# Used as they are, in an extra that the operator asks for.
IN_AN_EXTRA = {"psycopg": "LGPL-3.0-only", "psycopg-binary": "LGPL-3.0-only"}


def name_of(requirement: str) -> str:
    return re.split(r"[\[<>=;! ]", requirement, maxsplit=1)[0]


def locked(lock: Path) -> set[str]:
    return set(re.findall(r"^([a-z0-9][a-z0-9-]*)==", lock.read_text("utf-8"), re.MULTILINE))


def installed(names: set[str]) -> list[Distribution]:
    """Those of the names that this machine takes: a lock is for all machines."""
    found = []
    for name in sorted(names):
        try:
            found.append(distribution(name))
        except PackageNotFoundError:
            continue
    return found


def licences(package: Distribution) -> set[str]:
    said = package.metadata
    if expression := said.get("License-Expression"):
        return set(re.findall(r"[\w.-]+", expression)) - {"AND", "OR", "WITH"}
    classes = [line.rpartition(" :: ")[2] for line in said.get_all("Classifier") or ()
               if line.startswith("License ::")]  # fmt: skip
    words = [one for one in classes if one != "DFSG approved"] or [said.get("License") or "unsaid"]
    return {SAID.get(word, word) for word in words}


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
        package.name: licences(package) - ALLOWED - {IN_AN_EXTRA.get(package.name, "")}
        for package in packages
    }
    assert {name: those for name, those in strange.items() if those} == {}
    assert not IN_AN_EXTRA.keys() & locked(ROOT / "requirements" / "run.txt")
