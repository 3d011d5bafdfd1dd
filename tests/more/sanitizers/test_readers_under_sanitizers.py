"""The readers in C read any bytes without reading beyond them, under ASan and UBSan; needs gcc."""

import subprocess
from pathlib import Path

import pytest
from fuzz.sanitized import READ_BY, ROOT, SOURCES, build, compiler, run

RUNS = 400


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sanitized")
    build(folder)
    return folder


@pytest.mark.parametrize("target", READ_BY)
def test_no_input_makes_a_reader_read_beyond_its_end(built: Path, target: str) -> None:
    done = run(built, target, RUNS, seed=18)
    assert done.returncode == 0, done.stderr[-4000:]
    assert done.stdout.endswith("inputs\n")


def test_every_file_of_c_is_built_with_the_sanitizers() -> None:
    ours = {path for package in ("router", "classifiers") for path in (ROOT / package).rglob("*.c")}
    patterns = [pattern for of_one in SOURCES.values() for pattern in of_one]
    assert ours == {path for pattern in patterns for path in ROOT.glob(pattern)}


def test_a_reader_that_reads_beyond_its_end_is_told(tmp_path: Path) -> None:
    """The sanitizers themselves are there: a program that does it is ended with their report."""
    source, program = tmp_path / "beyond.c", tmp_path / "beyond"
    source.write_text("int main(int n, char **a) { int few[3] = {0}; return few[n + 2]; }")
    flags = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    subprocess.run([compiler() or "gcc", *flags, source, "-o", program], check=True)
    done = subprocess.run([program], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "out of bounds" in done.stderr or "AddressSanitizer" in done.stderr
