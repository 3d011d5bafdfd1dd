"""`turnout drill`: what it breaks is its own, what it says is true, and nothing of it stays."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from drillkit import deployment

from router.cli.drill import drill
from router.cli.main import main


def test_a_drill_of_a_killed_ledger_holds_contacts_nobody_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "drill.md"
    with deployment(tmp_path, monkeypatch) as mine:
        words = ("--only", "kill-ledger", "--requests", "8", "--seed", "1", "--report", str(page))
        status, said = mine.drilled(*words)
        assert not mine.contacted()
        assert mine.leftovers() == []
    (fault,) = said["faults"]
    assert (status, fault["verdict"], said["seed"]) == (0, "kept", 1), said
    counts = fault["requests"]
    assert counts["whole"] > 8
    assert counts["unavailable"] > 0  # the ledger was away, and somebody asked
    assert counts["lost"] == counts["doubled"] == counts["over"] == counts["misbilled"] == 0
    assert {each["promise"]: each["kept"] for each in said["promises"]} == {
        "nothing stays held": True,
        "the ledger agrees with the books": True,
    }
    assert any("`pro`" in line and "503" in line for line in said["meaning"])
    assert page.read_text().startswith("# Fault drill: All promises held through 1 fault.")


def test_a_drill_of_a_ledger_alone_says_its_promises_and_what_reached_it() -> None:
    words = ["--only", "ledger", "--seconds", "2", "--no-denial-memory", "--json"]
    done = CliRunner().invoke(drill, words)
    assert done.exit_code == 0, done.output
    (fault,) = json.loads(done.stdout)["faults"]
    promises = {each["promise"]: each["kept"] for each in fault["promises"]}
    assert promises["the ledger was asked about every request"]
    assert promises["nothing stays held"]
    assert any(note.startswith("answered by the ledger: ") for note in fault["notes"])


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--only", "ledger", "--ledger", "redis://127.0.0.1:1/0"], "cannot be reached"),
        (["--config", "nowhere.yaml"], "--config PATH"),
        (["--only", "explode"], "there is no fault `explode`"),
        (["--ledger", "redis://127.0.0.1:1/0"], "go with --only ledger"),
        (["--only", "fill", "--no-denial-memory"], "go with --only ledger"),
    ],
)
def test_a_drill_that_cannot_be_run_says_why_and_is_no_success(words: list[str], why: str) -> None:
    done = CliRunner().invoke(drill, words)
    assert done.exit_code == 2
    assert why in done.output


def test_torture_is_a_part_of_the_drill_and_no_command_of_its_own() -> None:
    done = CliRunner().invoke(main, ["ledger", "torture"])
    assert done.exit_code == 2
    assert "No such command" in done.output
