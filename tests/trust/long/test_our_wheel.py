"""Our wheel holds our packages, and nothing that runs by being installed."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
BUILT = shutil.ignore_patterns("*.so", "__pycache__", "*.egg-info")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The names in our wheel, built from a copy."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for package in ("router", "policies", "classifiers"):
        shutil.copytree(ROOT / package, source / package, ignore=BUILT)
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    without_c = os.environ | {"CC": "false"}  # the extensions are optional, and take long
    subprocess.run([*command, "--wheel-dir", folder, source], check=True, env=without_c)
    (built,) = folder.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        return archive.namelist()


def test_nothing_in_our_wheel_runs_by_being_installed(wheel: list[str]) -> None:
    """A .pth file runs at every start of Python, and a sitecustomize as well."""
    assert [name for name in wheel if name.endswith((".pth", ".egg-link"))] == []
    tops = {name.split("/")[0] for name in wheel if ".dist-info/" not in name}
    assert tops == {"router", "policies", "classifiers"}
    assert not [name for name in wheel if "sitecustomize" in name or "usercustomize" in name]
    assert not [name for name in wheel if ".data/" in name]
