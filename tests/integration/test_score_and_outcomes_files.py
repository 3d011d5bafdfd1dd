"""`turnout score`, `outcomes` and `calibrate` among real files, pipes and full disks."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from patience import LONGEST_SECONDS

LINE = b'{"messages": [{"role": "user", "content": "Hi"}]}\n'


def turnout(*arguments: object, **how) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "router.cli", *map(str, arguments)]
    return subprocess.run(
        command, timeout=LONGEST_SECONDS, check=False, **{"stderr": subprocess.PIPE, **how}
    )


@pytest.fixture
def asked(tmp_path) -> Path:
    path = tmp_path / "asked.jsonl"
    path.write_bytes(LINE)
    return path


@pytest.fixture
def config(tmp_path) -> Path:
    one = {"base_url": "http://127.0.0.1:9/v1", "model": "m", "price": {"input": 1, "output": 1}}
    backends = dict.fromkeys(("local", "moe", "premium"), one)
    path = tmp_path / "turnout.yaml"
    path.write_text(json.dumps({"version": 1, "policy": "balanced", "backends": backends}))
    return path


def refused(run: subprocess.CompletedProcess[bytes], why: str) -> None:
    assert run.returncode == 1
    assert run.stderr.decode().startswith("Error: ")
    assert run.stderr.count(b"\n") == 1
    assert why in run.stderr.decode()


@pytest.mark.parametrize("link", [None, os.symlink, os.link])
def test_score_never_writes_over_what_it_reads(asked, tmp_path, link):
    out = asked
    if link is not None:
        out = tmp_path / "other"
        link(asked, out)
    refused(turnout("score", asked, "--out", out), "is the file that is read")
    with asked.open("rb") as source:
        refused(turnout("score", "--out", out, stdin=source), "is the file that is read")
    with out.open("ab") as target:
        refused(turnout("score", asked, stdout=target), "is the file that is read")
    assert asked.read_bytes() == LINE


def test_nothing_scored_and_no_outcomes_leave_an_empty_file(tmp_path, config):
    empty, out = tmp_path / "empty", tmp_path / "out"
    empty.touch()
    out.write_text("of yesterday")
    assert turnout("score", empty, "--out", out).returncode == 0
    assert out.read_bytes() == b""
    out.unlink()
    run = turnout("outcomes", "--config", config, "--ability", "nope", "--out", out)
    assert (run.returncode, out.read_bytes()) == (0, b"")
    assert b"there are no outcomes of 'nope'" in run.stderr


def test_a_full_disk_and_a_file_that_cannot_be_written_are_one_line(asked):
    with Path("/dev/full").open("wb") as full:
        refused(turnout("score", asked, stdout=full), "No space left on device")
    refused(turnout("score", asked, "--out", asked / "x"), "cannot be written")
    refused(turnout("score", asked.parent / "none"), "cannot be read")


def test_a_full_disk_is_one_line_and_keeps_the_card_that_was_there(tmp_path):
    message = {"role": "user", "content": "What is 2 + 2?"}
    lines = [
        json.dumps({"messages": [message], "backend": "moe", "score": number % 2})
        for number in range(40)
    ]
    (tmp_path / "in.jsonl").write_text("\n".join(lines))
    command = [sys.executable, "-m", "router.cli", "calibrate", "--outcomes", "in.jsonl"]
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
    card = (tmp_path / "moe.json").read_bytes()
    shell = f"ulimit -f 100; exec {shlex.join(command)}"
    # Python does not notice that a module it compiles is cut short by the same limit.
    unwritten = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        ["/bin/sh", "-c", shell], cwd=tmp_path, env=unwritten, capture_output=True, check=False
    )
    refused(done, "moe.json cannot be written: File too large")
    assert (tmp_path / "moe.json").read_bytes() == card
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "moe.json"]


@pytest.mark.parametrize(("closing", "which"), [("<&-", "input"), (">&-", "output")])
def test_a_closed_stream_is_one_line(asked, closing, which):
    shell = f'exec "$0" -m router.cli score {"" if which == "input" else asked} {closing}'
    run = subprocess.run(
        ["/bin/sh", "-c", shell, sys.executable],
        stderr=subprocess.PIPE,
        timeout=LONGEST_SECONDS,
        check=False,
    )
    refused(run, f"standard {which}")


def test_a_line_is_answered_before_the_next_one_arrives():
    with subprocess.Popen(
        [sys.executable, "-m", "router.cli", "score"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        for number in (1, 2):
            process.stdin.write(LINE)
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["id"] == number
        process.stdin.write(LINE.strip())
        process.stdin.close()
        assert json.loads(process.stdout.readline())["id"] == 3
        assert process.wait(LONGEST_SECONDS) == 0
