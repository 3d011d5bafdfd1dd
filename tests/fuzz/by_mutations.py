"""One target by mutations, in a process of its own: NAME RUNS SEED."""

import sys

from fuzz.targets import TARGETS
from fuzz.trying import tried

if __name__ == "__main__":
    name, runs, seed = sys.argv[1:]
    sys.stdout.write(f"{tried(name, TARGETS[name], int(runs), int(seed))} inputs\n")
