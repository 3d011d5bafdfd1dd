"""`python -m classifiers train | evaluate | episodes | deep | bench | features`."""

import importlib
import sys
from collections.abc import Sequence
from typing import Final

# Training needs packages that serving does not: only the module of the chosen command is loaded.
COMMANDS: Final = {
    "train": "classifiers.training.train",
    "evaluate": "classifiers.training.evaluate",
    "episodes": "classifiers.training.episodes",
    "deep": "classifiers.training.deep",
    "bench": "classifiers.bench",
    "features": "classifiers.list_features",
}
USAGE: Final = f"usage: python -m classifiers {{{'|'.join(COMMANDS)}}} [--help]"


def main(arguments: Sequence[str]) -> int:
    """Run one command; returns its exit status."""
    if not arguments or arguments[0] not in COMMANDS:
        asked_for_help = bool(arguments) and arguments[0] in {"-h", "--help"}
        print(USAGE, file=sys.stdout if asked_for_help else sys.stderr)
        return 0 if asked_for_help else 2
    try:
        module = importlib.import_module(COMMANDS[arguments[0]])
    except ModuleNotFoundError as missing:
        print(
            f"`{arguments[0]}` needs the package {missing.name!r}, which is in the optional group "
            "`train`. Run: make train",
            file=sys.stderr,
        )
        return 2
    module.main(args=list(arguments[1:]), prog_name=f"python -m classifiers {arguments[0]}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
