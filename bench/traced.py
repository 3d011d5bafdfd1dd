"""Run a gateway whose instructions are counted: `python traced.py COUNTS DETAILS ARGUMENT...`.

It runs in the gateway's own process, before anything of Turnout is imported, so it knows nothing of
Turnout but that `python -m router.cli` starts it: any commit can be counted. SIGUSR1 begins to
count, SIGUSR2 ends it. Counted is every bytecode instruction of the main thread, ours and that of
libraries, by root: the task, callback or timer that the event loop called. COUNTS holds the total
and each root's count at every moment, for whoever reads it; at the end, DETAILS names the roots and
holds the counts by function.
"""

import json
import mmap
import runpy
import signal
import sys
from collections import Counter
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

SLOTS = 512  # of eight bytes: the total, then one for each root


def count_into(counts: memoryview, details: Path) -> None:
    """Set the two signals."""
    executed: Counter[CodeType] = Counter()
    slots: dict[CodeType, int] = {}
    root = 1

    def inside(frame: FrameType, event: str, _argument: Any) -> Any:
        if event == "opcode":
            executed[frame.f_code] += 1
            counts[0] += 1
            counts[root] += 1
        return inside

    def entered(frame: FrameType, _event: str, _argument: Any) -> Any:
        nonlocal root
        caller = frame.f_back
        if caller is None or caller.f_trace is None:  # the event loop, which runs since before
            root = slots.setdefault(frame.f_code, min(len(slots) + 1, SLOTS - 1))
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return inside

    def begin(_number: int, _frame: FrameType | None) -> None:
        executed.clear()
        sys.settrace(entered)

    def end(_number: int, _frame: FrameType | None) -> None:
        sys.settrace(None)
        record = {
            "functions": [
                (code.co_filename, code.co_qualname, executed[code]) for code in executed
            ],
            "roots": {slot: code.co_qualname for code, slot in slots.items()},
        }
        unfinished = details.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(record))
        unfinished.rename(details)

    signal.signal(signal.SIGUSR1, begin)
    signal.signal(signal.SIGUSR2, end)


def main() -> None:
    """Serve, counted."""
    counts, details = Path(sys.argv[1]), Path(sys.argv[2])
    counts.write_bytes(bytes(8 * SLOTS))
    with counts.open("r+b") as file:
        count_into(memoryview(mmap.mmap(file.fileno(), 8 * SLOTS)).cast("Q"), details)
    del sys.path[0]  # this folder, whose modules are nobody's business
    sys.argv = ["turnout", *sys.argv[3:]]
    runpy.run_module("router.cli", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
