"""Run a gateway whose interpreter instructions are counted: `python traced.py TOTAL DETAILS ARG...`.

It runs in the gateway's own process, before anything of Turnout is imported, so it knows nothing of
Turnout but that `python -m router.cli` starts it: any commit can be counted. SIGUSR1 begins to
count, SIGUSR2 ends it. TOTAL is a file of eight bytes that holds the count at every moment, for
whoever maps it; at the end, DETAILS holds it by function. Counted is every bytecode instruction of
the main thread (each task, callback and timer of the event loop), ours and that of libraries.
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


def count_into(total: memoryview, details: Path) -> None:
    """Set the two signals."""
    seen: Counter[CodeType] = Counter()

    def inside(frame: FrameType, event: str, _argument: Any) -> Any:
        if event == "opcode":
            seen[frame.f_code] += 1
            total[0] += 1
        return inside

    def entered(frame: FrameType, _event: str, _argument: Any) -> Any:
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return inside

    def begin(_number: int, _frame: FrameType | None) -> None:
        seen.clear()
        sys.settrace(entered)

    def end(_number: int, _frame: FrameType | None) -> None:
        sys.settrace(None)
        found = [(code.co_filename, code.co_qualname, count) for code, count in seen.items()]
        unfinished = details.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(found))
        unfinished.rename(details)

    signal.signal(signal.SIGUSR1, begin)
    signal.signal(signal.SIGUSR2, end)


def main() -> None:
    """Serve, counted."""
    total, details = Path(sys.argv[1]), Path(sys.argv[2])
    total.write_bytes(bytes(8))
    with total.open("r+b") as file:
        count_into(memoryview(mmap.mmap(file.fileno(), 8)).cast("Q"), details)
    del sys.path[0]  # this folder, whose modules are nobody's business
    sys.argv = ["turnout", *sys.argv[3:]]
    runpy.run_module("router.cli", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
