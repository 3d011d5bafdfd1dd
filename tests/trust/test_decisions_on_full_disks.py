"""The decision log on a disk that fills: whole lines or none, and nothing of them anywhere else."""

import errno
import json
import logging
import os
from collections.abc import Iterator
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path

import pytest
from full_disk import files_end_at

from router.telemetry.decisions import DecisionLog
from router.telemetry.logs import JsonFormatter

CANARY = "customer-canary"


def log_to(path: Path, *, max_bytes: int = 10**6, keep: int = 2) -> DecisionLog:
    return DecisionLog.to_file(path, max_bytes=max_bytes, keep=keep)


def write(log: DecisionLog, number: int) -> None:
    log.add({"id": f"{CANARY}-{number}", "reason": "x" * 50})
    log.flush()


def numbers(*paths: Path) -> list[int]:
    lines = [line for path in paths for line in path.read_text().splitlines()]
    return [int(json.loads(line)["id"].rpartition("-")[2]) for line in lines]


@pytest.fixture
def stderr() -> Iterator[StringIO]:
    """Standard error, with logs as a gateway has them: in memory, since no file takes anything."""
    said, logger = StringIO(), logging.getLogger("turnout")
    handler = logging.StreamHandler(said)
    handler.setFormatter(JsonFormatter())
    logger.addHandler(handler)
    with redirect_stderr(said):
        yield said
    logger.removeHandler(handler)


async def test_on_a_full_disk_no_line_is_cut_none_goes_to_standard_error_and_all_are_counted(
    tmp_path: Path, stderr
):
    path = tmp_path / "decisions.jsonl"
    log = log_to(path)
    write(log, 1)
    with files_end_at(path.stat().st_size + 40):
        for number in (2, 3, 4):
            write(log, number)
    write(log, 5)
    log.close()
    assert numbers(path) == [1, 5]
    assert log.lost == 3
    assert CANARY not in stderr.getvalue()
    begins, ends = [json.loads(line) for line in stderr.getvalue().splitlines()]
    assert begins["message"] == "the decision log cannot be written"
    assert begins["reason"] == os.strerror(errno.EFBIG)
    assert (ends["message"], ends["missing"]) == ("the decision log is written again", 3)


async def test_a_device_without_space_costs_lines_and_nothing_else(tmp_path: Path, stderr):
    path = tmp_path / "decisions.jsonl"
    path.symlink_to("/dev/full")
    log = log_to(path)
    for number in range(3):
        write(log, number)
    log.close()
    assert (log.lost, stderr.getvalue().count("\n")) == (3, 1)
    assert CANARY not in stderr.getvalue()


async def test_at_its_size_the_log_begins_anew_and_its_elders_stay(tmp_path: Path):
    path = tmp_path / "decisions.jsonl"
    log = log_to(path, max_bytes=200, keep=2)
    for number in range(9):
        write(log, number)
    log.close()
    elders = [tmp_path / f"decisions.jsonl.{n}" for n in (2, 1)]
    assert numbers(*elders, path) == [4, 5, 6, 7, 8]
    assert not (tmp_path / "decisions.jsonl.3").exists()


async def test_a_log_of_which_none_stays_begins_anew_at_its_size(tmp_path: Path):
    log = log_to(tmp_path / "decisions.jsonl", max_bytes=200, keep=0)
    for number in range(9):
        write(log, number)
    log.close()
    assert numbers(tmp_path / "decisions.jsonl") == [8]
    assert not (tmp_path / "decisions.jsonl.1").exists()


async def test_the_log_is_its_owners_alone(tmp_path: Path):
    log = log_to(tmp_path / "new" / "decisions.jsonl")
    log.close()
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "new" / "decisions.jsonl").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("odd", ["\u2028", "\u2029", "\x85", "\x7f", "\x9b31m", "\u202e", "\ufeff"])
async def test_a_line_of_the_log_is_one_line_for_every_reader(tmp_path: Path, odd: str):
    log = log_to(tmp_path / "decisions.jsonl")
    line = {"id": f"a{odd}b", "user": f"ü{odd}\n\x1b[2J"}
    log.add(line)
    log.close()
    text = (tmp_path / "decisions.jsonl").read_text()
    assert (len(text.splitlines()), json.loads(text)) == (1, line)
    assert text.rstrip("\n").isprintable()
