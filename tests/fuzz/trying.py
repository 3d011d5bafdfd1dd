"""Trying a target by mutations of what is kept; the input that fails is told, to be kept."""

import sys
from collections.abc import Callable
from itertools import islice

from fuzz.kept import kept
from fuzz.mutations import mutations


def tried(name: str, target: Callable[[bytes], None], runs: int, seed: int) -> int:
    """How many inputs were tried, the kept ones first. Raises what the target raises."""
    inputs = kept(name)
    for data in (*inputs, *islice(mutations(inputs, seed), runs)):
        try:
            target(data)
        except BaseException:
            sys.stderr.write(f"{name} fails for {data!r}\n")
            raise
    return len(inputs) + runs
