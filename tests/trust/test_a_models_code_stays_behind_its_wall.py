"""What a model wrote is run behind a wall that proved itself on this machine, or not at all."""

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from modelservers import RunningSimulator
from wallkit import a_wall, bare_python, nothing_runs

from classifiers.probing.checks import RUN, check
from classifiers.probing.probes import probes
from classifiers.probing.walls.attempts import ATTEMPTS, HARMLESS, Attempt
from classifiers.probing.walls.proof import Lures, gets_out, laid_out, prove
from classifiers.probing.walls.table import WALLS, open_wall
from classifiers.probing.walls.wall import NoWall, Run, Wall
from router.cli.calibrate import calibrate

CODE = next(probe for probe in probes() if probe.kind == RUN)
CONFIG = """\
version: 1
policy: balanced
backends:
  local: {{base_url: "{url}", model: sim, ability: local, price: {{input: 0, output: 0}}}}
"""


@pytest.fixture(scope="module")
def wall() -> Iterator[Wall]:
    with a_wall() as opened:
        yield opened


@pytest.fixture(scope="module")
def bare() -> Iterator[Run]:
    with bare_python() as run:
        yield run


@pytest.fixture
def lures() -> Iterator[Lures]:
    with laid_out() as laid:
        yield laid


def calibrated(folder: Path, url: str, *arguments: str) -> tuple[Result, Path]:
    config, card = folder / "turnout.yaml", folder / "card.json"
    config.write_text(CONFIG.format(url=url))
    options = ["--config", str(config), "--out", str(card), "--limit", "30", *arguments]
    return CliRunner().invoke(calibrate, ["local", *options]), card


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=lambda attempt: attempt.what)
def test_each_way_out_works_where_there_is_no_wall(
    bare: Run, lures: Lures, attempt: Attempt
) -> None:
    assert gets_out(bare, attempt.source, lures)


def test_what_is_no_wall_is_told_from_one(bare: Run) -> None:
    with pytest.raises(NoWall, match="it does not hold: a program behind it reads a file"):
        prove(bare)
    with nothing_runs() as run, pytest.raises(NoWall, match="a harmless program does not run"):
        prove(run)


def test_a_wall_of_this_machine_proves_itself_and_is_preferred_in_order() -> None:
    table = {"none": bare_python, "tight": nothing_runs, "real": a_run, "unasked": bare_python}
    with open_wall(tuple(table), table) as wall:
        assert wall.name == "real"


def a_run():  # type: ignore[no-untyped-def]
    """The wall that is here, as the table opens it."""
    with a_wall() as wall:
        return WALLS[wall.name]()


def test_without_a_wall_each_reason_is_said() -> None:
    with (
        pytest.raises(NoWall, match=r"one: it does not hold: .*; two: a harmless program"),
        open_wall(("one", "two"), {"one": bare_python, "two": nothing_runs}),
    ):
        pass


def test_what_an_answer_leaves_behind_counts_whatever_it_says(bare: Run, lures: Lures) -> None:
    lie = "def attempt(lure):\n    open(lure['folder'] + '/left', 'w')\n    return False"
    assert gets_out(bare, lie, lures)


def test_a_connection_counts_whatever_is_said_of_it(lures: Lures) -> None:
    with socket.create_connection(lures.listener.getsockname()):
        assert lures.touched()


def test_code_without_a_wall_has_no_verdict_and_is_not_run(tmp_path: Path) -> None:
    answer = f"open({str(tmp_path / 'left')!r}, 'w')\ndef add(a): return sum(a)"
    with pytest.raises(ValueError, match="behind a wall, or not at all"):
        check(CODE, answer)
    assert list(tmp_path.iterdir()) == []


def test_a_harmless_answer_runs_behind_the_wall(wall: Wall, lures: Lures) -> None:
    assert gets_out(wall.run, HARMLESS, lures)


def test_without_a_wall_code_is_not_asked_for_and_output_and_card_say_so(
    tmp_path: Path, simulator: RunningSimulator
) -> None:
    result, card = calibrated(tmp_path, simulator.base_url, "--wall", "none")
    assert result.exit_code == 0, result.output
    said = "6 code probes are skipped: no wall to run a model's Python behind (none is wanted)"
    assert said in result.stderr
    assert said in json.loads(card.read_text())["fitted"]["code_probes"]
    kept_lines = card.with_name("card.probes.jsonl").read_text().splitlines()
    kept = [json.loads(line) for line in kept_lines]
    assert len(kept) == 30
    assert not [line for line in kept if line["probe"].startswith("code-")]


def test_with_a_wall_the_card_names_it(
    tmp_path: Path, simulator: RunningSimulator, wall: Wall
) -> None:
    result, card = calibrated(tmp_path, simulator.base_url, "--wall", wall.name)
    assert result.exit_code == 0, result.output
    assert (
        f"behind {wall.name}, which proved" in json.loads(card.read_text())["fitted"]["code_probes"]
    )
    kept = card.with_name("card.probes.jsonl").read_text()
    assert kept.count('"code-') == 6


def test_the_gateways_own_environment_is_not_handed_on(wall: Wall) -> None:
    """Whatever variables this process has: none is seen inside."""
    assert os.environ
    order = {
        "source": "import os\ndef attempt(_): return sorted(os.environ)",
        "function": "attempt",
    }
    printed = wall.run(json.dumps(order | {"cases": [0]}).encode())
    assert printed is not None
    assert set(json.loads(printed)[0]) <= {"LC_CTYPE", "PWD"}
