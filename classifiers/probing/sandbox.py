"""Run a model's Python function behind a wall, and compare what it gives.

Nothing here runs it anywhere else: without a `Wall` there is no verdict to be had. What a wall must
hold against is in `walls/attempts.py`, what each one is in `walls/table.py` (ADR 149).
"""

import json
from collections.abc import Sequence
from typing import Any

from classifiers.probing.walls.wall import Wall


def passes(wall: Wall, source: str, function: str, cases: Sequence[tuple[Any, Any]]) -> bool:
    """Whether `source` defines `function` and it gives every expected result.

    `cases` are (argument, result) pairs of JSON values. False for anything that goes wrong:
    syntax, exceptions, time, memory, output, forbidden calls.
    """
    order = {"source": source, "function": function, "cases": [case for case, _ in cases]}
    try:
        asked = json.dumps(order).encode()
        printed = wall.run(asked)
        return printed is not None and bool(json.loads(printed) == [want for _, want in cases])
    except (ValueError, RecursionError):
        return False
