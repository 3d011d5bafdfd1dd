"""What a gateway has in memory stays there when it crashes."""

import os
import subprocess
import sys
from pathlib import Path

from edgekit import Edge

# What becomes of a process that dies as by a fault in C, whose system would write its core.
CRASH = """
import ctypes, os, resource
from router.cli.common.core_dumps import forbid_core_dumps
hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
if {forbids}:
    forbid_core_dumps()
dumpable, most = ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), resource.getrlimit(resource.RLIMIT_CORE)
print(dumpable, most[0], flush=True)
open('/proc/self/statm').read(), os.listdir('/proc/self/fd')  # what we read of ourselves
os.abort()
"""


def crashed(folder: Path, *, forbids: bool) -> tuple[list[str], int]:
    """What such a process said, and how it ended."""
    process = subprocess.Popen(
        [sys.executable, "-c", CRASH.format(forbids=forbids)],
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert process.stdout is not None
    with process.stdout as told:
        said = told.read().split()
    _, status = os.waitpid(process.pid, 0)
    process.returncode = status
    return said, status


def test_a_process_that_forbids_it_leaves_no_core(tmp_path: Path) -> None:
    said, status = crashed(tmp_path, forbids=True)
    assert said == ["0", "0"]
    assert os.WIFSIGNALED(status)
    assert not os.WCOREDUMP(status)
    assert not list(tmp_path.iterdir())
    assert crashed(tmp_path, forbids=False)[0][0] == "1"


def test_a_gateway_forbids_it(strangers: Edge) -> None:
    limits = (strangers.proc / "limits").read_text().splitlines()
    [core] = [line.split() for line in limits if line.startswith("Max core file size")]
    assert core[4] == "0"
