"""Run a model's Python function in a child process that can do little.

The child has no environment, an empty working folder, an isolated interpreter without site
packages, two seconds of processor time, half a gigabyte of memory, a megabyte of output, no file it
can open, and an audit hook that ends it at the first attempt to use the network, start a process,
open a file or load native code. What it prints goes nowhere. That is a guard against accidents and
mischief in answers to our own probes. It is not a wall against an attacker: to calibrate a backend
that you do not trust, run `turnout calibrate` in a container.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import IO, Any, Final

WALL_SECONDS: Final = 10.0
MOST_OUTPUT: Final = 1 << 20  # bytes; the results of a right answer are a few hundred

_CHILD: Final = """
import json, sys
order = json.load(sys.stdin)
try:
    import resource
    most_output = order["most_output"]
    for what, most in (
        ("CPU", 2), ("AS", 1 << 29), ("FSIZE", most_output), ("NPROC", 0), ("NOFILE", 16)
    ):
        limit = getattr(resource, "RLIMIT_" + what)
        resource.setrlimit(limit, (most, most))
except ImportError:
    pass
code = compile(order["source"], "answer", "exec")
import __future__, abc, array, bisect, collections, collections.abc, contextlib, copy, dataclasses
import datetime, decimal, enum, fractions, functools, heapq, itertools, math, numbers, operator
import random, re, statistics, string, textwrap, time, types, typing, unicodedata
def refuse(event, args, end=__import__("os")._exit, barred=frozenset(
    "open socket subprocess os ctypes shutil tempfile urllib webbrowser pty signal mmap".split()
)):
    if event.split(".")[0] in barred and event != "os.putenv":
        end(3)
class Nowhere:
    def write(self, text):
        return len(text)
    def flush(self):
        pass
results_to, sys.stdout, sys.stderr = sys.stdout, Nowhere(), Nowhere()
sys.addaudithook(refuse)
space = {"__name__": "answer"}
exec(code, space)
function = space[order["function"]]
results = [function(case) for case in order["cases"]]
results_to.write(json.dumps(results))
"""


def passes(source: str, function: str, cases: Sequence[tuple[Any, Any]]) -> bool:
    """Whether `source` defines `function` and it gives every expected result.

    `cases` are (argument, result) pairs of JSON values. False for anything that goes wrong:
    syntax, exceptions, time, memory, output, forbidden calls.
    """
    order = {
        "source": source,
        "function": function,
        "cases": [case for case, _ in cases],
        "most_output": MOST_OUTPUT,
    }
    # A file, not a pipe: the limit on the size of files holds for it.
    with tempfile.TemporaryFile() as output:
        printed = _printed_by(json.dumps(order).encode(), output)
    try:
        return printed is not None and bool(json.loads(printed) == [want for _, want in cases])
    except (ValueError, RecursionError):
        return False


def _printed_by(order: bytes, output: IO[bytes]) -> bytes | None:
    """What the child wrote; None where it failed, was ended, or wrote too much."""
    with tempfile.TemporaryDirectory(prefix="probe-") as folder:
        try:
            done = subprocess.run(
                [sys.executable, "-I", "-S", "-c", _CHILD],
                input=order,
                stdout=output,
                stderr=subprocess.DEVNULL,
                timeout=WALL_SECONDS,
                cwd=folder,
                env={},
                check=False,
                start_new_session=True,  # Ctrl-C is for the run, not for an answer
            )
        except subprocess.TimeoutExpired:
            return None
    output.seek(0)
    printed = output.read(MOST_OUTPUT)
    return printed if done.returncode == 0 and len(printed) < MOST_OUTPUT else None
