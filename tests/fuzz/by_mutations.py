"""One target by mutations: `python -m fuzz.by_mutations NAME RUNS SEED`.

The input that fails is told, so that it can be kept.
"""

import sys
from itertools import islice

from fuzz.kept import kept
from fuzz.mutations import mutations
from fuzz.targets import TARGETS


def tried(name: str, runs: int, seed: int) -> int:
    """How many inputs were tried, the kept ones first. Raises what the target raises."""
    inputs = kept(name)
    for data in (*inputs, *islice(mutations(inputs, seed), runs)):
        _try(name, data)
    return len(inputs) + runs


def _try(name: str, data: bytes) -> None:
    try:
        TARGETS[name](data)
    except BaseException:
        sys.stderr.write(f"{name} fails for {data!r}\n")
        raise


if __name__ == "__main__":
    sys.stdout.write(f"{tried(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))} inputs\n")
