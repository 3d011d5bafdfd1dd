"""The programs that run inside: they read an order, define its function and print its results.

    {"source": "def add(a): ...", "function": "add", "cases": [[1, 2]]}

What an answer prints goes nowhere. The modules are imported before the wall closes, since nothing
can be opened behind it.
"""

from typing import Final

from classifiers.probing.walls.wall import MOST_MEMORY, MOST_OUTPUT

CPU_SECONDS: Final = 2

_USUAL: Final = """
import json, os, sys
import __future__, abc, array, bisect, collections, collections.abc, contextlib, copy, dataclasses
import datetime, decimal, enum, fractions, functools, heapq, itertools, math, numbers, operator
import random, re, statistics, string, textwrap, time, types, typing, unicodedata
order = json.load(sys.stdin)
"""

_RUN: Final = """
class Nowhere:
    def write(self, text):
        return len(text)
    def flush(self):
        pass
results_to, sys.stdout, sys.stderr = sys.stdout, Nowhere(), Nowhere()
space = {"__name__": "answer"}
exec(compile(order["source"], "answer", "exec"), space)
function = space[order["function"]]
results_to.write(json.dumps([function(case) for case in order["cases"]]))
results_to.flush()
os._exit(0)
"""

# Options of prctl: 38 gives up new privileges, 22 in mode 2 closes the filter. The limits cannot be
# raised again: the filter leaves no call that would.
_CLOSE: Final = f"""
import base64, ctypes, resource
for what, most in (
    ("CPU", {CPU_SECONDS}), ("AS", {MOST_MEMORY}), ("FSIZE", {MOST_OUTPUT}), ("CORE", 0)
):
    resource.setrlimit(getattr(resource, "RLIMIT_" + what), (most, most))
program = base64.b64decode(order.pop("filter"))
place = ctypes.create_string_buffer(program, len(program))
class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]
prctl = ctypes.CDLL(None).prctl
prctl.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4
loaded = Program(len(program) // 8, ctypes.addressof(place))
if prctl(38, 1, 0, 0, 0) or prctl(22, 2, ctypes.addressof(loaded), 0, 0):
    os._exit(4)
for name in [name for name in sys.modules if "ctypes" in name]:
    del sys.modules[name]
"""

GUEST: Final = _USUAL + _RUN
FILTERED_GUEST: Final = _USUAL + _CLOSE + _RUN
