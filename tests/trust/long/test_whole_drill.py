"""The whole of `turnout drill` on a deployment, one whose books are robbed, and one interrupted."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from drillkit import Deployment, deployment
from patience import until
from trust.figures import Figures

from router.drills.faults import NAMES

ONE_ROW = """
    DELETE FROM usage WHERE rowid IN
    (SELECT rowid FROM usage WHERE organization LIKE 'drill-reload-%' LIMIT 1)
"""


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with deployment(tmp_path, monkeypatch) as made:
        yield made


def test_every_fault_on_every_part_of_a_deployment_breaks_no_promise(
    mine: Deployment, figures: Figures
) -> None:
    status, said = mine.drilled("--requests", "100", "--seed", "7")
    for fault in said["faults"]:
        figures.add("faults caused", fault["verdict"] != "not run")
        for name in ("asked", "admitted", "lost", "doubled", "unasked", "misbilled", "over"):
            figures.add(f"requests {name}", fault["requests"].get(name, 0))
    assert status == 0, said
    assert [fault["fault"] for fault in said["faults"]] == list(NAMES)
    assert not mine.contacted()
    assert mine.leftovers() == []


def test_requests_behind_a_balancer_survive_a_rolling_restart_of_every_gateway(
    mine: Deployment, figures: Figures
) -> None:
    status, said = mine.drilled("--only", "roll", "--requests", "200")
    (fault,) = said["faults"]
    promises = {each["promise"]: each["figure"] for each in fault["promises"]}
    lost, _, asked = promises["no request is lost, no stream cut"].split()
    figures.add("requests during rolling restarts", int(asked))
    figures.add("of these lost or cut", int(lost))
    assert (status, lost, fault["requests"]["cut"]) == (0, "0", 0), said


def rob(mine: Deployment, robbed: threading.Event) -> None:
    """Take the first row out of a drill's books, as soon as there is one."""
    while not robbed.is_set():
        for path in mine.scratch.glob("turnout-drill-*/turnout.db"):
            with (
                contextlib.suppress(sqlite3.Error),
                contextlib.closing(sqlite3.connect(path, timeout=0.1)) as books,
            ):
                with books:
                    taken = books.execute(ONE_ROW)
                if taken.rowcount:
                    robbed.set()
        robbed.wait(0.2)


def test_a_drill_whose_books_lost_one_request_says_so_and_fails(
    mine: Deployment, figures: Figures
) -> None:
    robbed = threading.Event()
    thief = threading.Thread(target=rob, args=(mine, robbed), daemon=True)
    thief.start()
    try:
        status, said = mine.drilled("--only", "reload", "--requests", "20")
    finally:
        assert robbed.is_set()
        thief.join()
    (fault,) = said["faults"]
    assert (status, fault["verdict"], fault["requests"]["lost"]) == (1, "broken", 1), said
    checked = {each["promise"]: each for each in said["promises"]}
    assert not checked["the ledger agrees with the books"]["kept"]
    figures.add("robbed books found out")


def test_an_interrupted_drill_leaves_no_process_and_no_folder(
    mine: Deployment, figures: Figures
) -> None:
    command = (sys.executable, "-m", "router.cli", "drill", "--config", str(mine.config))
    environ = os.environ | {"TMPDIR": str(mine.scratch)}
    with subprocess.Popen(
        [*command, "--only", "kill"], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, env=environ
    ) as process:
        assert process.stderr is not None
        until(lambda: len(list(mine.scratch.glob("turnout-drill-*/*/data"))) == 2)
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
    assert process.returncode == 130
    assert b"nothing of it is left" in said
    assert mine.leftovers() == []
    figures.add("drills interrupted")
