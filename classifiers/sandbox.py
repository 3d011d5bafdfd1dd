"""Run a model's Python function in a child process that can do little.

The child has no environment, an empty working folder, an isolated interpreter without site
packages, two seconds of processor time, half a gigabyte of memory, no file it can write, and an
audit hook that ends it at the first attempt to use the network, start a process, open a file or
load native code. That is a guard against accidents and mischief in answers to our own probes. It
is not a wall against an attacker: to calibrate a backend that you do not trust, run
`turnout calibrate` in a container.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import Any, Final

WALL_SECONDS: Final = 10.0

_CHILD: Final = """
import json, sys
order = json.load(sys.stdin)
try:
    import resource
    for what, most in (("CPU", 2), ("AS", 1 << 29), ("FSIZE", 0), ("NPROC", 0), ("NOFILE", 16)):
        limit = getattr(resource, "RLIMIT_" + what)
        resource.setrlimit(limit, (most, most))
except ImportError:
    pass
code = compile(order["source"], "answer", "exec")
import bisect, collections, copy, dataclasses, fractions, functools, heapq, itertools, math
import operator, random, re, statistics, string, typing
def refuse(event, args, end=__import__("os")._exit, barred=frozenset(
    "open socket subprocess os ctypes shutil tempfile urllib webbrowser pty signal mmap".split()
)):
    if event.split(".")[0] in barred and event != "os.putenv":
        end(3)
sys.addaudithook(refuse)
space = {"__name__": "answer"}
exec(code, space)
function = space[order["function"]]
results = [function(case) for case in order["cases"]]
sys.stdout.write(json.dumps(results))
"""


def passes(source: str, function: str, cases: Sequence[tuple[Any, Any]]) -> bool:
    """Whether `source` defines `function` and it gives every expected result.

    `cases` are (argument, result) pairs of JSON values. False for anything that goes wrong:
    syntax, exceptions, time, memory, forbidden calls.
    """
    order = {"source": source, "function": function, "cases": [case for case, _ in cases]}
    with tempfile.TemporaryDirectory(prefix="probe-") as folder:
        try:
            done = subprocess.run(
                [sys.executable, "-I", "-S", "-c", _CHILD],
                input=json.dumps(order).encode(),
                capture_output=True,
                timeout=WALL_SECONDS,
                cwd=folder,
                env={},
                check=False,
            )
        except subprocess.TimeoutExpired:
            return False
    try:
        return done.returncode == 0 and bool(json.loads(done.stdout) == [want for _, want in cases])
    except ValueError:
        return False
