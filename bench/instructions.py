"""Interpreter instructions: a step's cost that no other work on the machine can change.

Python's tracing counts every bytecode instruction that a step executes, in our code and in that of
libraries written in Python. What C code does (parsing, regular expressions, sockets) is not seen:
`bench.guard` watches that by CPU time, more coarsely. Counts differ between versions of Python.
"""

import statistics
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final

Step = Callable[[], Awaitable[Any]]
WARM_UP: Final = 20  # calls, until caches and specialised code have settled
CALLS: Final = 31
_ROOT: Final = Path(__file__).parents[1]
_ITSELF: Final = Path(__file__).parent.name


async def instructions(step: Step) -> int:
    """Instructions of one call: the median of many, so that what runs beside it does not count."""
    for _ in range(WARM_UP):
        await step()
    counts = []
    for _ in range(CALLS):
        executed: Counter[CodeType] = Counter()
        await _traced(step, executed)
        counts.append(executed.total())
    return round(statistics.median(counts))


async def by_package(step: Step) -> dict[str, int]:
    """Instructions of one call by the package of ours that executes them; `libraries` are others.

    Of each package the lower quartile of many calls: what runs beside them adds to some.
    """
    for _ in range(WARM_UP):
        await step()
    calls: list[Counter[str]] = []
    for _ in range(CALLS):
        executed: Counter[CodeType] = Counter()
        await _traced(step, executed)
        call: Counter[str] = Counter()
        for code, count in executed.items():
            call[package_of(code.co_filename)] += count
        del call[_ITSELF]
        calls.append(call)
    packages = {package for call in calls for package in call}
    each = {name: _quartile([call[name] for call in calls]) for name in packages}
    return {name: count for name, count in each.items() if count}


def _quartile(counts: Sequence[int]) -> int:
    return round(statistics.quantiles(counts, n=4)[0])


def package_of(file: str) -> str:
    """The package of ours that a file belongs to: two floors deep in `router`, else one."""
    path = Path(file)
    if not path.is_relative_to(_ROOT) or "site-packages" in path.parts:
        return "libraries"
    parts = path.relative_to(_ROOT).parts[:-1]
    return ".".join(parts[: 2 if parts[:1] == ("router",) else 1])


async def by_function(step: Step) -> Counter[str]:
    """Instructions of many calls, by function: where they are spent. Mean of one call, rounded."""
    executed: Counter[CodeType] = Counter()
    for _ in range(CALLS):
        await _traced(step, executed)
    counts: Counter[str] = Counter()
    for code, count in executed.items():
        place = code.co_filename.rpartition("site-packages/")[2]
        counts[f"{place}: {code.co_qualname}"] += round(count / CALLS)
    return counts


def counted(call: Callable[[], Any]) -> int:
    """Instructions of one plain call."""
    count = 0

    def inside(_frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal count
        if event == "opcode":
            count += 1
        return inside

    with _tracing(inside):
        call()
    return count


async def _traced(step: Step, executed: Counter[CodeType]) -> None:
    def inside(frame: FrameType, event: str, _argument: Any) -> Any:
        if event == "opcode":
            executed[frame.f_code] += 1
        return inside

    with _tracing(inside):
        await step()


@contextmanager
def _tracing(inside: Callable[[FrameType, str, Any], Any]) -> Iterator[None]:
    def entered(frame: FrameType, _event: str, _argument: Any) -> Any:
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return inside

    before = sys.gettrace()
    sys.settrace(entered)
    try:
        yield
    finally:
        sys.settrace(before)
