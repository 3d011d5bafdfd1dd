"""More inputs than make test has time for, and the readers in C under sanitizers."""

import time
from pathlib import Path

import pytest
from fuzz.sanitized import READ_BY, build, compiler, run
from fuzz.targets import TARGETS
from fuzz.trying import tried
from trust.figures import Figures

INPUTS, SANITIZED = 5_000, 2_000


@pytest.mark.parametrize("name", TARGETS)
def test_no_input_breaks_a_promise(name: str, figures: Figures) -> None:
    figures.add(f"inputs: {name}", tried(name, TARGETS[name], INPUTS, seed=time.time_ns()))


@pytest.mark.parametrize("name", READ_BY)
def test_the_readers_in_c_read_nothing_beyond_their_input(
    name: str, tmp_path: Path, figures: Figures
) -> None:
    if compiler() is None:
        figures.add("sanitized: no gcc here", 0)
        return
    build(tmp_path)
    done = run(tmp_path, name, SANITIZED, seed=time.time_ns())
    assert done.returncode == 0, done.stderr[-4000:]
    figures.add(f"inputs under ASan and UBSan: {name}", int(done.stdout.split()[0]))
